// Numbers and times as people read them.

import { texts } from "./texts.js";

const numbers = new Map();

/** A number with a fixed count of decimals; a dash where there is none. */
export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(Number(value))) return texts.none;
  if (!numbers.has(digits)) {
    numbers.set(digits, new Intl.NumberFormat(texts.locale, {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    }));
  }
  return numbers.get(digits).format(value);
}

/** A number with as many decimals as it has, at most six. */
export function plain(value) {
  if (value === null || value === undefined) return texts.none;
  return Number(value).toLocaleString(texts.locale, { maximumFractionDigits: 6 });
}

/** Decimals that show about a ten-thousandth of a range. */
export function digitsFor(low, high) {
  if (low === null || high === null) return 2;
  const span = Math.abs(high - low);
  return span >= 1000 ? 0 : span >= 100 ? 1 : span >= 10 ? 2 : 3;
}

/** How long ago, in one unit. */
export function age(seconds) {
  if (seconds === null || seconds === undefined) return texts.time.never;
  return texts.time.ago(length(seconds));
}

/** A length of time in one unit. */
export function length(seconds) {
  const { unit } = texts.time;
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} ${unit.second}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} ${unit.minute}`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} ${unit.hour}`;
  return `${Math.floor(seconds / 86400)} ${unit.day}`;
}

/** Bytes in kB, MB or GB. */
export function bytes(count) {
  if (count >= 1e9) return `${number(count / 1e9, 2)} GB`;
  if (count >= 1e6) return `${number(count / 1e6, 1)} MB`;
  return `${number(count / 1e3, 0)} kB`;
}

const zoneKey = "loopgate.utc";
let showsUTC = localStorage.getItem(zoneKey) === "1";
const clocks = new Map();

/** Whether times are shown in UTC rather than in this device's zone. */
export function isUTC() { return showsUTC; }

/** Shows times in UTC, or in this device's zone. */
export function setUTC(flag) {
  showsUTC = flag;
  localStorage.setItem(zoneKey, flag ? "1" : "0");
}

function clock(name, options) {
  const key = `${name}${showsUTC}`;
  if (!clocks.has(key)) {
    clocks.set(key, new Intl.DateTimeFormat(texts.locale, {
      ...options, hourCycle: "h23", timeZone: showsUTC ? "UTC" : undefined,
    }));
  }
  return clocks.get(key);
}

/** Date and time to the second, with the zone where it is UTC. */
export function moment(time) {
  if (time === null || time === undefined) return texts.none;
  const text = clock("moment", {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).format(new Date(time));
  return showsUTC ? `${text} UTC` : text;
}

/** The day alone. */
export function day(time) {
  if (time === null || time === undefined) return texts.none;
  return clock("day", { year: "numeric", month: "short", day: "numeric" }).format(new Date(time));
}

/** Day and month, for an axis. */
export function shortDay(time) {
  return clock("shortDay", { month: "short", day: "numeric" }).format(new Date(time));
}

/** Hours and minutes, for an axis. */
export function minute(time) {
  return clock("minute", { hour: "2-digit", minute: "2-digit" }).format(new Date(time));
}

/** Hours, minutes and seconds. */
export function second(time) {
  return clock("second", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(time));
}

/** The zone's distance from UTC at `time`, in milliseconds. */
export function zoneOffset(time) {
  return showsUTC ? 0 : -new Date(time).getTimezoneOffset() * 60_000;
}

/** What a `datetime-local` field holds for `time`. */
export function fieldTime(time) {
  return new Date(time + zoneOffset(time)).toISOString().slice(0, 19);
}

/** The time that a `datetime-local` field means, in milliseconds; NaN where it is empty. */
export function timeOfField(text) {
  if (!text) return NaN;
  return showsUTC ? Date.parse(`${text}Z`) : new Date(text).getTime();
}
