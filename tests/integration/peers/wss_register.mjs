// Registers over wss:// by the ws package, and waits for one answered heartbeat.
//   node wss_register.mjs URL CA-FILE TOKEN ID     believes the one certificate in CA-FILE
// Prints "registered ID" and ends with 0; ends with 1 and the reason on stderr.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

const [url, caFile, token, id] = process.argv.slice(2);

function fail(why) {
  console.error(why);
  process.exit(1);
}

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
const key = { publicKey: `ed25519:${raw.toString('hex')}`, temporaryKey: true };

const ws = new WebSocket(url, { ca: readFileSync(caFile), perMessageDeflate: false });
const send = (type, payload) => ws.send(JSON.stringify({ type, payload }));

ws.on('error', (error) => fail(`error: ${error.message}`));
ws.on('open', () => send('register', { clientId: id, version: 1, ...key }));
ws.on('message', (text) => {
  const { type, payload } = JSON.parse(text);
  if (type === 'register_response' && payload.challenge) {
    // docs/PROTOCOL.md, "Registering"
    const challenged = (purpose, ...more) => Buffer.concat([
      Buffer.from(`${purpose}\0`), Buffer.from(payload.challenge, 'hex'), Buffer.from(`\0${id}`), ...more]);
    const signature = sign(null, challenged('chuantou-identity-v1'), privateKey).toString('hex');
    const proof = createHmac('sha256', token).update(challenged('chuantou-register-v1', Buffer.from('\0'), raw)).digest('hex');
    send('register', { clientId: id, version: 1, ...key, signature, proof });
  } else if (type === 'register_response') {
    if (!payload.success) fail(`refused: ${payload.code}`);
    send('heartbeat', { timestamp: 42 });
  } else if (type === 'heartbeat' && payload.timestamp === 42) {
    console.log(`registered ${id}`);
    ws.close(1000);
  }
});
