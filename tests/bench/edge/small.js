// Small requests at a fixed rate, however long each takes: a slow answer holds nobody back, so none is left out of the figures.
// https://grafana.com/docs/k6/latest/using-k6/scenarios/concepts/open-vs-closed/
import http from 'k6/http';

export const options = {
  hosts: { [__ENV.NAME]: __ENV.CONNECT },
  insecureSkipTLSVerify: true,
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    open: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: Number(__ENV.CLIENTS),
      maxVUs: 500,
    },
  },
};

export default function () {
  http.get(`${__ENV.URL}/`);
}
