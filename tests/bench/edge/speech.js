// Utterances at a fixed rate: one in LONG_EVERY is long, the others are short. `short` is how long the short ones took.
// With NEW_CONNECTIONS=1 each has a connection of its own, for what gives out connections and not requests.
import http from 'k6/http';
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { common, openLoop } from './options.js';

const short = new Trend('short', true);
const failed = new Counter('utterances_failed');
const spoken = new Counter('utterances_spoken');

const SENTENCE = 'The quick brown fox jumps over the lazy dog. ';
const fresh = __ENV.NEW_CONNECTIONS === '1';
const every = Number(__ENV.LONG_EVERY || 0);

export const options = {
  ...common,
  discardResponseBodies: true,
  noConnectionReuse: fresh,
  scenarios: { open: openLoop(50, 300) },
};

export default function () {
  const long = every > 0 && exec.scenario.iterationInTest % every === 0;
  const body = JSON.stringify({ input: long ? SENTENCE.repeat(Number(__ENV.LONG)) : SENTENCE });
  const answer = http.post(`${__ENV.URL}/v1/audio/speech`, body, { headers: { 'Content-Type': 'application/json' } });
  if (answer.status !== 200) {
    failed.add(1);
    return;
  }
  spoken.add(1);
  // k6 leaves out of the duration what it takes to connect.
  if (!long) short.add(answer.timings.duration + (fresh ? answer.timings.connecting : 0));
}
