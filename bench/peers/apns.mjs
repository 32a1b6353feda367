// @parse/node-apn: one client, as many notifications at once as its connection takes.
import apn from "@parse/node-apn";
import { measure, task } from "./task.mjs";

const provider = new apn.Provider({
  token: { key: task.apns_key, keyId: "KEY1234567", teamId: "TEAM123456" },
  production: false,
  address: task.host,
  port: task.port,
});
await measure(async (address) => {
  const note = new apn.Notification({
    topic: "com.acme.bank",
    alert: { title: task.title, body: task.alert },
    payload: { payload: task.payload },
    collapseId: "AbC12dEf",
    pushType: "alert",
    priority: 10,
    expiry: 2_000_000_000,
  });
  const { failed } = await provider.send(note, address);
  if (failed.length) throw new Error(JSON.stringify(failed[0]));
}, task.addresses);
await provider.shutdown();
