// npm web-push, over connections that it keeps.
import https from "node:https";
import webpush from "web-push";
import { measure, task } from "./task.mjs";

const agent = new https.Agent({ keepAlive: true, maxSockets: 32 });
const options = {
  vapidDetails: {
    subject: "mailto:ops@acme.example",
    publicKey: task.vapid_public,
    privateKey: task.vapid_private,
  },
  TTL: 2_419_200,
  topic: "AbC12dEf",
  agent,
};
const text = JSON.stringify({ title: task.title, alert: task.alert, payload: task.payload });
await measure((subscription) => webpush.sendNotification(subscription, text, options), task.subscriptions);
agent.destroy();
