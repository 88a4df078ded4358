// Registers over wss:// by the ws package, and waits for one answered heartbeat.
//   node wss_register.mjs URL CA-FILE TOKEN ID     believes the one certificate in CA-FILE
// Prints "registered ID" and ends with 0; ends with 1 and the reason on stderr.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

const [url, caFile, token, id] = process.argv.slice(2);

function fail(why) {
  console.error(why);
  process.exit(1);
}

const ws = new WebSocket(url, { ca: readFileSync(caFile), perMessageDeflate: false });
const send = (type, payload) => ws.send(JSON.stringify({ type, payload }));

ws.on('error', (error) => fail(`error: ${error.message}`));
ws.on('open', () => send('register', { clientId: id, version: 1 }));
ws.on('message', (text) => {
  const { type, payload } = JSON.parse(text);
  if (type === 'register_response' && payload.challenge) {
    // docs/PROTOCOL.md, "Registering"
    const message = Buffer.concat([Buffer.from('chuantou-register-v1\0'), Buffer.from(payload.challenge, 'hex'), Buffer.from(`\0${id}`)]);
    send('register', { clientId: id, version: 1, proof: createHmac('sha256', token).update(message).digest('hex') });
  } else if (type === 'register_response') {
    if (!payload.success) fail(`refused: ${payload.code}`);
    send('heartbeat', { timestamp: 42 });
  } else if (type === 'heartbeat' && payload.timestamp === 42) {
    console.log(`registered ${id}`);
    ws.close(1000);
  }
});
