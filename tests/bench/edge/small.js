// Small requests at a fixed rate, however long each takes: who waits is counted from when it should have begun.
// https://grafana.com/docs/k6/latest/using-k6/scenarios/concepts/open-vs-closed/
import http from 'k6/http';

export const options = {
  insecureSkipTLSVerify: true,
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    open: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: Number(__ENV.CLIENTS || 200),
      maxVUs: 2000,
    },
  },
};

export default function () {
  http.get(__ENV.URL, { headers: { Host: __ENV.HOST } });
}
