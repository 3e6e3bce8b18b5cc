// Small requests at a fixed rate, on connections that have been used before.
import http from 'k6/http';
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { common, openLoop } from './options.js';

const fresh = new Counter('new_connections');

// k6 gives each request to the client that has waited longest, and each client has a connection of its own: as many as can be
// busy at once, not more, or most requests would be the first on their connection.
const clients = 50;
const opening = 3;

export const options = {
  ...common,
  discardResponseBodies: true,
  scenarios: {
    opening: {
      executor: 'per-vu-iterations',
      vus: clients,
      iterations: 10,
      maxDuration: `${opening}s`,
      gracefulStop: '0s',
    },
    open: { ...openLoop(clients, 500), startTime: `${opening}s` },
  },
  // The summary has figures of one scenario only where a threshold asks for them.
  thresholds: {
    'http_req_duration{scenario:open}': ['max>=0'],
    'http_req_failed{scenario:open}': ['rate>=0'],
    'dropped_iterations{scenario:open}': ['count>=0'],
  },
};

export default function () {
  const { timings } = http.get(`${__ENV.URL}/`);
  if (exec.scenario.name === 'open' && timings.connecting > 0) fresh.add(1);
}
