// HTTP and WebSocket on one port, by the ws package.
//   /api        HTTP: a fixed text, with CORS headers; OPTIONS answers a preflight
//   /ws         WebSocket: greets, then echoes, text as text and binary as binary
//   /push?n=N   WebSocket: sends N numbered messages by itself, then closes
// Prints "listening PORT" on a port that the system chose.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const server = createServer((request, response) => {
  const cors = { 'Access-Control-Allow-Origin': request.headers.origin ?? '*', 'Access-Control-Allow-Credentials': 'true' };
  if (request.method === 'OPTIONS') {
    response.writeHead(204, { ...cors, 'Access-Control-Allow-Methods': 'GET, PUT', 'Access-Control-Allow-Headers': 'x-trace', 'Access-Control-Max-Age': '600' });
    response.end();
  } else if (request.url === '/api') {
    response.writeHead(200, { ...cors, 'Content-Type': 'text/plain' });
    response.end('HTTP Response');
  } else {
    response.writeHead(404, cors);
    response.end();
  }
});

const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 << 20 });
server.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname !== '/ws' && url.pathname !== '/push') {
    socket.destroy();
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => {
    if (url.pathname === '/push') {
      push(ws, Number(url.searchParams.get('n')));
      return;
    }
    ws.send('WebSocket Connected');
    ws.on('message', (data, binary) => ws.send(data, { binary }));
  });
});

function push(ws, count) {
  let next = 0;
  const timer = setInterval(() => {
    ws.send(JSON.stringify({ number: next }));
    next += 1;
    if (next === count) {
      clearInterval(timer);
      ws.close(1000, 'all sent');
    }
  }, 5);
  ws.on('close', () => clearInterval(timer));
}

server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
