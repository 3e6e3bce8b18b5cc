// WebSockets that are held open, each with a ping every PING seconds that has to come back: what is dropped, and how long a
// ping takes. Beside them RATE new ones a second: opened, configured, closed, and counted as a success once all of that went well.
import { WebSocket } from 'k6/websockets';
import { Counter, Trend } from 'k6/metrics';
import { common } from './options.js';

const opened = new Counter('held_opened');
const refused = new Counter('held_refused');
const dropped = new Counter('held_dropped');
const pinged = new Trend('ping', true);
const droppedAt = new Trend('dropped_at'); // Milliseconds since 1970.
const unanswered = new Counter('pings_unanswered');
const begun = new Counter('upgrades_begun');
const upgraded = new Counter('upgrades');

const seconds = Number(__ENV.SECONDS);
const ping = Number(__ENV.PING);
const each = Number(__ENV.SOCKETS) < 50 ? 1 : 25;
const url = `${__ENV.SOCKETS_URL}/v1/audio/speech/stream`;
const config = JSON.stringify({ type: 'session.config', response_format: 'pcm', stream_audio: true });
const close = JSON.stringify({ type: 'session.close' });

export const options = {
  ...common,
  scenarios: {
    held: {
      executor: 'per-vu-iterations',
      exec: 'held',
      vus: Number(__ENV.SOCKETS) / each,
      iterations: 1,
      maxDuration: `${seconds + 30}s`,
      gracefulStop: '0s',
    },
    upgrades: {
      executor: 'constant-arrival-rate',
      exec: 'upgrade',
      // Once those that are held are open.
      startTime: `${__ENV.OPENING}s`,
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: `${seconds - Number(__ENV.OPENING) - 2}s`,
      preAllocatedVUs: 50,
      maxVUs: 400,
    },
  },
};

export function held() {
  const end = Date.now() + seconds * 1000;
  for (let number = 0; number < each; number += 1) {
    // Not all at once: what is measured is holding.
    setTimeout(() => hold(end), Math.random() * Number(__ENV.OPENING) * 800);
  }
}

function hold(end) {
  const socket = new WebSocket(url);
  let open = false;
  let meant = false;
  let timer = 0;
  let sent = 0; // When the ping that is not answered yet was sent.
  socket.onopen = () => {
    open = true;
    opened.add(1);
    socket.send(config);
    timer = setInterval(() => {
      if (sent) unanswered.add(1);
      if (Date.now() >= end) {
        meant = true;
        clearInterval(timer);
        socket.close();
        return;
      }
      if (sent) return;
      sent = Date.now();
      socket.ping();
    }, ping * 1000);
  };
  socket.onpong = () => {
    pinged.add(Date.now() - sent);
    sent = 0;
  };
  socket.onclose = () => {
    clearInterval(timer);
    if (!open) refused.add(1);
    else if (!meant) {
      dropped.add(1);
      droppedAt.add(Date.now());
    }
  };
  socket.onerror = () => {};
}

export function upgrade() {
  begun.add(1);
  const socket = new WebSocket(url);
  let open = false;
  socket.onopen = () => {
    open = true;
    socket.send(config);
    socket.send(close);
  };
  socket.onclose = (event) => {
    if (open && event.code === 1000) upgraded.add(1);
  };
  socket.onerror = () => {};
}
