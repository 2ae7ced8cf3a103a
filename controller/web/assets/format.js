// Numbers as people read them; the same words as the terminal's (common::human). Nothing is computed here.

/** Four significant digits. */
const digits = (value) => value.toPrecision(4);

/** A time in microseconds; a dash for none. */
export const time = (us) => {
  if (us === null || us === undefined) return '–';
  if (us < 1e3) return `${us.toFixed(0)} µs`;
  return us < 1e6 ? `${digits(us / 1e3)} ms` : `${digits(us / 1e6)} s`;
};

/** The same on an axis: without zeros at the end of a fraction. */
export const mark = (us) => time(us).replace(/\.0+ |(\.\d*[1-9])0+ /, '$1 ');

/** A length in seconds: 12.3 s, 9m 05s, 2h 03m 00s. */
export const length = (seconds) => {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const two = (n) => String(Math.floor(n)).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${two(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m ${two(seconds % 60)}s`;
};

/** A count with commas between the thousands. */
export const count = (n) => n.toLocaleString('en-US', { maximumFractionDigits: 0 });

/** Something per second. */
export const rate = (n) => (n >= 1000 ? `${count(n)}/s` : `${Number(n.toFixed(1))}/s`);

/** A fraction in percent. */
export const share = (fraction) => `${Number((fraction * 100).toFixed(4))} %`;

/** `no_lease` as `no lease`. */
export const words = (name) => name.replaceAll('_', ' ');
