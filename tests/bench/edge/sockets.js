// WebSockets that are held open, with a word each second that has to come back: what is dropped, what cannot be opened, and
// how long a word takes. K6 counts an upgrade that fails as a socket without its `open`.
import { WebSocket } from 'k6/websockets';
import { Counter, Trend } from 'k6/metrics';

const opened = new Counter('sockets_opened');
const failed = new Counter('sockets_failed');
const dropped = new Counter('sockets_dropped');
const echo = new Trend('echo', true);

export const options = {
  insecureSkipTLSVerify: true,
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    held: {
      executor: 'per-vu-iterations',
      vus: Number(__ENV.SOCKETS),
      iterations: 1,
      maxDuration: `${Number(__ENV.SECONDS) + 60}s`,
    },
  },
};

export default function () {
  const end = Date.now() + Number(__ENV.SECONDS) * 1000;
  const socket = new WebSocket(__ENV.URL, null, { headers: { Host: __ENV.HOST } });
  let open = false;
  let meant = false;
  socket.addEventListener('open', () => {
    open = true;
    opened.add(1);
    const word = setInterval(() => {
      if (Date.now() >= end) {
        meant = true;
        clearInterval(word);
        socket.close();
        return;
      }
      socket.send(String(Date.now()));
    }, 1000);
    socket.addEventListener('close', () => clearInterval(word));
  });
  socket.addEventListener('message', (event) => echo.add(Date.now() - Number(event.data)));
  socket.addEventListener('close', () => {
    if (!open) failed.add(1);
    else if (!meant) dropped.add(1);
  });
  socket.addEventListener('error', () => {
    if (!open) failed.add(1);
  });
}
