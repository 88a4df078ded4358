// A WebSocket client by the ws package that checks what it gets.
//   node ws_client.mjs echo URL COUNT BYTES   COUNT messages of up to BYTES, text and binary in turn, must come back equal
//   node ws_client.mjs push URL COUNT         must get COUNT numbered messages in order and then an orderly close
//   node ws_client.mjs hold URL               echoes each line of stdin through the socket to stdout, until stdin ends
// Prints "open" once connected, "ok ..." at the end, and ends with 1 on the first difference.
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const [mode, url, countText, sizeText] = process.argv.slice(2);
const count = Number(countText);

function fail(why) {
  console.error(why);
  process.exit(1);
}

const ws = new WebSocket(url, { perMessageDeflate: false });
ws.on('open', () => console.log('open'));
ws.on('error', (error) => fail(`error: ${error.message}`));

const hash = (data) => createHash('sha256').update(data).digest('hex');

if (mode === 'echo') {
  let sent = null;
  let rounds = 0;
  const next = () => {
    if (rounds === count) {
      ws.close(1000);
      return;
    }
    const bytes = randomBytes(1 + Math.floor(Math.random() * Number(sizeText)));
    const binary = rounds % 2 === 1;
    const message = binary ? bytes : bytes.toString('base64');
    sent = { binary, digest: hash(message) };
    ws.send(message);
  };
  ws.on('message', (data, binary) => {
    if (sent === null) {
      if (data.toString() !== 'WebSocket Connected') fail(`unexpected greeting ${data}`);
    } else {
      if (binary !== sent.binary) fail('text came back as binary, or the reverse');
      if (hash(data) !== sent.digest) fail(`message ${rounds} came back changed`);
      rounds += 1;
    }
    next();
  });
  ws.on('close', (code) => {
    if (rounds !== count) fail(`closed with ${code} after ${rounds} of ${count}`);
    console.log(`ok ${rounds}`);
  });
} else if (mode === 'push') {
  let expected = 0;
  ws.on('message', (data) => {
    const { number } = JSON.parse(data);
    if (number !== expected) fail(`got number ${number}, expected ${expected}`);
    expected += 1;
  });
  ws.on('close', (code, reason) => {
    if (expected !== count) fail(`closed with ${code} after ${expected} of ${count}`);
    if (code !== 1000 || reason.toString() !== 'all sent') fail(`close was ${code} ${reason}`);
    console.log(`ok ${expected}`);
  });
} else if (mode === 'hold') {
  let greeted = false;
  ws.on('message', (data) => {
    if (greeted) console.log(`got ${data}`);
    greeted = true;
  });
  ws.on('close', (code) => console.log(`closed ${code}`));
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => ws.send(line));
  lines.on('close', () => ws.close(1000));
} else {
  fail(`unknown mode ${mode}`);
}
