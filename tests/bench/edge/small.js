// Small requests at a fixed rate.
import http from 'k6/http';
import { openLoop } from './options.js';

export const options = openLoop(200, 500);

export default function () {
  http.get(`${__ENV.URL}/`);
}
