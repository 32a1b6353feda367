// npm web-push-testing: an independent push service that checks and decrypts what it is sent.
const { PushApiModel } = require("web-push-testing/src/PushApiModel");
const Server = require("web-push-testing/src/server");

new Server(new PushApiModel(), Number(process.argv[2])).startServer();
