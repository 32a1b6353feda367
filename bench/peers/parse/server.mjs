// Parse Server with its push adapter, as its documentation sets it up for PostgreSQL and APNs.
// Reads where to listen and whom to ask as JSON from its standard input; says "ready" when it is.
import { readFileSync } from 'node:fs'
import express from 'express'
import { ParseServer } from 'parse-server'

const asked = JSON.parse(readFileSync(0, 'utf8'))
const url = `http://127.0.0.1:${asked.port}/parse`
const server = new ParseServer({
  appId: asked.appId,
  masterKey: asked.masterKey,
  serverURL: url,
  publicServerURL: url,
  databaseURI: `postgres://${asked.database.user}@localhost/${asked.database.name}`,
  databaseOptions: { host: asked.database.folder, poolSize: asked.database.connections },
  allowClientClassCreation: true,
  enforcePrivateUsers: true,
  silent: true,
  logLevel: "error",
  push: {
    ios: {
      token: { key: asked.apns.key, keyId: asked.apns.keyId, teamId: asked.apns.teamId },
      topic: asked.apns.topic,
      production: false,
      address: 'localhost',
      port: asked.apns.port,
    },
  },
})
await server.start()
const app = express()
app.use('/parse', server.app)
app.listen(asked.port, '127.0.0.1', () => process.stdout.write('ready\n'))
