// firebase-admin: its host is fixed, so that its HTTP/2 connections are led to ours.
import { createRequire } from "node:module";
import { task, report } from "./task.mjs";

const require = createRequire(import.meta.url);
const http2 = require("node:http2");
const connect = http2.connect;
http2.connect = (_url, options, ...rest) => {
  const session = connect(`https://${task.host}:${task.port}`, options, ...rest);
  const request = session.request.bind(session);
  // It writes "https:", which Google takes and nginx does not.
  session.request = (headers, ...others) => request({ ...headers, ":scheme": "https" }, ...others);
  return session;
};
const admin = require("firebase-admin");

const app = admin.initializeApp({
  projectId: "acme-bank-demo",
  credential: {
    getAccessToken: async () => ({ access_token: "bench", expires_in: 3600 }),
  },
});
const message = (token) => ({
  token,
  data: { alert: task.alert, payload: task.payload, androidTitle: task.title, "has-template": "0" },
  android: { priority: "high", ttl: 2_419_200_000 },
});

// It takes 500 at once.
async function send(count) {
  for (let sent = 0; sent < count; sent += 500) {
    const size = Math.min(500, count - sent);
    const messages = Array.from({ length: size }, (_, i) => message(task.addresses[i % 100]));
    const { failureCount, responses } = await admin.messaging(app).sendEach(messages);
    if (failureCount) throw responses.find((one) => !one.success).error;
  }
}
await send(task.warmup);
await report(() => send(task.count));
