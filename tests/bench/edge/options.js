// What the scripts have in common: where the proxy's name is, its certificate, which is the benchmark's own, and what is kept.
export const common = {
  hosts: { [__ENV.NAME]: __ENV.CONNECT },
  insecureSkipTLSVerify: true,
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'],
};

// RATE a second for SECONDS, however long each takes: a slow answer holds nobody back as long as there are clients.
// https://grafana.com/docs/k6/latest/using-k6/scenarios/concepts/open-vs-closed/
export function openLoop(preAllocatedVUs, maxVUs) {
  return {
    executor: 'constant-arrival-rate',
    rate: Number(__ENV.RATE),
    timeUnit: '1s',
    duration: `${__ENV.SECONDS}s`,
    preAllocatedVUs,
    maxVUs,
  };
}
