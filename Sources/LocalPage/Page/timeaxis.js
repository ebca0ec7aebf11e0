// Where a time axis has its ticks, and what they say. Chart.js has no time axis without a library
// beside it; a linear one with these ticks is all that is needed.

import { minute, second, shortDay, zoneOffset } from "./format.js";

const second1 = 1000;
const minute1 = 60 * second1;
const hour1 = 60 * minute1;
const day1 = 24 * hour1;
const steps = [
  1, 2, 5, 10, 15, 30,
].map((count) => count * second1).concat(
  [1, 2, 5, 10, 15, 30].map((count) => count * minute1),
  [1, 2, 3, 6, 12].map((count) => count * hour1),
  [1, 2, 7, 14, 28, 91, 364].map((count) => count * day1),
);

/** At most `count` ticks between two times, at round times of the zone shown. */
export function timeTicks(from, to, count) {
  const step = steps.find((each) => (to - from) / each <= count) ?? steps.at(-1);
  const ticks = [];
  let time = Math.ceil((from + zoneOffset(from)) / step) * step - zoneOffset(from);
  for (; time <= to; time += step) {
    // Across a change of summer time the ticks move with the clock on the wall.
    const shift = step >= hour1 ? zoneOffset(from) - zoneOffset(time) : 0;
    ticks.push({ value: time + shift, label: label(time + shift, step) });
  }
  return ticks;
}

function label(time, step) {
  if (step >= day1) return shortDay(time);
  const isMidnight = (time + zoneOffset(time)) % day1 === 0;
  if (isMidnight) return shortDay(time);
  return step < minute1 ? second(time) : minute(time);
}
