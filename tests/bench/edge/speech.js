// Utterances at a fixed rate: one in LONG_EVERY is long, by chance, the others are short. `short` is how long the short ones
// took. Which are long is decided by SEED and their number: the same ones on each way, and in no step with the pods' turns.
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

// A number from 0 up to 1, of two whole ones: MurmurHash3's last step,
// https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
function chance(seed, number) {
  let bits = (seed * 0x9e3779b1 + number) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
}

export default function () {
  const long = every > 0 && chance(Number(__ENV.SEED), exec.scenario.iterationInTest) < 1 / every;
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
