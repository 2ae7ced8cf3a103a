// The run that is on: what its feed says, shown once a second while somebody looks.
import * as api from './api.js';
import * as charts from './charts.js';
import { byId, el, table } from './dom.js';
import { count, length, rate, share, time, words } from './format.js';

/** Follows the run until it is over; `whenOver` is called then. */
export const follow = (id, whenOver) => {
  const view = { id, rows: store(), live: null, over: null, dirty: false, charted: null };
  const source = new EventSource(`/api/runs/${id}/events`);
  source.addEventListener('feed', (event) => {
    trouble('');
    const feed = JSON.parse(event.data);
    view.rows.add(feed);
    view.live = feed.live;
    view.dirty = true;
    // Several that waited for a slow browser are drawn once.
    requestAnimationFrame(() => show(view));
  });
  source.addEventListener('over', (event) => {
    source.close();
    view.over = JSON.parse(event.data);
    view.dirty = true;
    requestAnimationFrame(() => show(view));
    whenOver();
  });
  source.addEventListener('error', () => trouble('The controller does not answer; trying again…'));
  document.addEventListener('visibilitychange', () => show(view));
  byId('live').hidden = false;
  byId('report').hidden = true;
  byId('steering').replaceChildren();
  byId('log').replaceChildren();
  byId('stop').hidden = byId('pause').hidden = byId('steering').hidden = false;
  byId('card').className = 'verdict';
  byId('stop').onclick = () => order(view, 'stop');
  byId('pause').onclick = () => order(view, view.live?.run.paused ? 'resume' : 'pause');
};

const trouble = (text) => {
  byId('trouble').hidden = text === '';
  byId('trouble').textContent = text;
};

/** Rows by what they are about: newer ones replace older ones. */
const store = () => {
  const kinds = { timeline: new Map(), heat: new Map(), pulse: new Map() };
  let edges = [];
  let width_s = 1;
  const put = (rows, row) => rows.set(`${row.t_s} ${row.scenario ?? ''}`, row);
  const told = (rows, until_s) => [...rows.values()].filter((row) => row.t_s + row.width_s <= until_s);
  const sorted = (rows, until_s) => told(rows, until_s).sort((one, other) => one.t_s - other.t_s);
  return {
    add: (feed) => {
      if (feed.reset) Object.values(kinds).forEach((rows) => rows.clear());
      feed.timeline.forEach((row) => put(kinds.timeline, row));
      width_s = feed.timeline[0]?.width_s ?? width_s;
      feed.pulse.forEach((row) => put(kinds.pulse, row));
      feed.heat.forEach((row) => put(kinds.heat, row));
      edges = feed.heat_edges_us;
      byId('log').append(...feed.log.map(logLine));
    },
    /** How wide the rows by due time are: they widen while a run grows long. */
    width_s: () => width_s,
    /** What was due long enough ago to have been told: a second that is on would look like a fall. */
    data: (until_s) => ({
      timeline: sorted(kinds.timeline, until_s),
      pulse: sorted(kinds.pulse, Infinity),
      heat: { edges_us: edges, rows: sorted(kinds.heat, until_s) },
    }),
  };
};

const logLine = (line) =>
  el('li', {}, el('span', { class: 'dim' }, line.t_s === null ? '' : `${length(line.t_s)} `), line.text);

const order = async (view, what, body) => {
  const told = await api.order(view.id, what, body).catch((problem) => problem);
  const at = told.at_s === undefined ? 'ok' : `from ${length(told.at_s)} on`;
  byId('answer').textContent = told.error ? `${what}: ${told.error}` : `${what}: ${at}`;
};

const show = (view) => {
  if (!view.dirty || document.visibilityState !== 'visible') return;
  view.dirty = false;
  if (view.live !== null) now(view);
  if (view.over !== null) over(view);
};

const now = (view) => {
  const { run } = view.live;
  byId('state').textContent = run.paused ? 'paused' : words(run.state);
  byId('name').textContent = run.name;
  byId('where').textContent = where(run);
  byId('progress').value = run.load_end_s > 0 ? Math.min(1, run.run_time_s / run.load_end_s) : 0;
  byId('pause').textContent = run.paused ? 'Resume' : 'Pause';
  byId('tiles').replaceChildren(...tiles(view.live));
  steering(view);
  fill('thresholds', view.live.thresholds.length > 0, thresholds(view.live.thresholds));
  fill('steps', true, steps(view.live.series));
  fill('failures', view.live.failures.length > 0, failures(view.live.failures));
  fill('agents', true, agents(view.live.agents));
  fill('ledger', true, ledger(view.live.scenarios));
  chart(view);
};

/** Draws the charts when a row more has been told, which on a long run is not every second, and once more at the end. */
const chart = (view) => {
  const { run } = view.live;
  const until_s = run.run_time_s - TOLD_AFTER_S;
  const rows = run.state === 'over' ? Infinity : Math.floor(until_s / view.rows.width_s());
  if (rows === view.charted) return;
  view.charted = rows;
  // What was seen fills the width, and there is room for what comes next.
  const duration_s = Math.min(run.load_end_s, Math.max(30, run.run_time_s * 1.05));
  charts.ready().then(() => charts.draw(byId('charts'), { ...view.rows.data(until_s), duration_s }), () => {});
};

const where = (run) => {
  const waits = run.waiting_for.length > 0 ? `waiting for ${run.waiting_for.join(', ')}` : '';
  const here = run.joined.length > 0 ? ` (here: ${run.joined.join(', ')})` : '';
  if (waits) return waits + here;
  const left = Math.max(0, run.load_end_s - run.run_time_s);
  return `${length(run.run_time_s)} of ${length(run.load_end_s)}, ${length(left)} left`;
};

const fill = (id, visible, content) => {
  byId(id).hidden = !visible;
  const box = byId(id).lastElementChild;
  // What somebody has opened stays open.
  const open = new Set([...box.querySelectorAll('details[open]')].map((one) => one.dataset.key));
  box.replaceChildren(content);
  box.querySelectorAll('details').forEach((one) => {
    one.open = open.has(one.dataset.key);
  });
};

const tiles = ({ now, run }) => {
  const errors = Object.values(now.errors).reduce((sum, n) => sum + n, 0);
  const perSecond = (n) => rate(n / Math.max(1, now.width_s));
  const tile = (name, value, kind) => el('div', { class: 'tile' }, el('span', {}, name), el('b', { class: kind }, value));
  return [
    now.users_asked !== null && now.asked === 0 ? null : tile('Asked', run.paused ? 'paused' : rate(now.asked)),
    tile('Started', perSecond(now.started)),
    tile('Finished', perSecond(now.finished)),
    now.users_asked === null ? null : tile('Users', `${count(now.users ?? 0)} of ${count(now.users_asked)}`),
    tile('In flight', count(now.in_flight)),
    tile('p50', time(now.p50)),
    tile('p95', time(now.p95)),
    tile('p99', time(now.p99)),
    tile('Errors', perSecond(errors), errors > 0 ? 'bad' : null),
    tile('Send lag p99', time(now.send_lag_p99_us)),
  ].filter((one) => one !== null);
};

/** A small form per scenario that can be steered; built once, so that nobody's typing is lost. */
const steering = (view) => {
  const box = byId('steering');
  if (box.childElementCount > 0) return;
  const forms = view.live.scenarios.filter((scenario) => scenario.steer.length > 0).map((scenario) => steer(view, scenario));
  box.append(...forms);
};

const steer = (view, scenario) => {
  const field = (name, label, value, step) =>
    el('label', {}, el('span', {}, label), el('input', { name, type: 'number', min: 0, step, value, size: 7 }));
  const users = scenario.steer.includes('users');
  const fields = users
    ? [field('users', `${scenario.name}: users`, Math.round(scenario.asked_users ?? 1), 1), field('spawn', 'spawn rate, users/s', 10, 'any')]
    : [field('rate', `${scenario.name}: requests per second`, scenario.asked_rate ?? 1, 'any')];
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const body = users
      ? { scenario: scenario.name, users: Number(form.get('users')), spawn: form.get('spawn') ? `${form.get('spawn')}/s` : undefined }
      : { scenario: scenario.name, rate: `${form.get('rate')}/s` };
    order(view, users ? 'users' : 'rate', body);
  };
  return el('form', { class: 'fields', submit }, ...fields, el('button', { class: 'quiet' }, 'Change'));
};

const thresholds = (rows) =>
  table(['Metric', 'Limit', 'Now', 'State'], rows.map((row) => [
    row.metric, row.limit, measured(row),
    [row.state === 'ok' ? '✓ holds' : row.state === 'broken' ? '✗ broken' : 'waiting', { ok: 'good', broken: 'bad' }[row.state]],
  ]));

const measured = ({ value, unit }) => {
  if (value === null) return '–';
  return { us: time, share, per_s: rate }[unit]?.(value) ?? count(value);
};

const steps = (rows) =>
  table(['Step', 'Requests', 'Rate', 'Errors', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'Max', 'Status'], rows.map((row) => [
    `${row.scenario} / ${row.step}${row.kind === 'iterations' ? ' (all steps)' : ''}`,
    count(row.requests), rate(row.rate), [count(row.errors), row.errors > 0 ? 'bad' : null],
    ...['p50', 'p90', 'p95', 'p99', 'p99_9', 'max'].map((key) => (row.response_time.count > 0 ? time(row.response_time[key]) : '–')),
    Object.entries(row.status).map(([code, n]) => `${code} × ${count(n)}`).join(', '),
  ]));

const failures = (samples) => {
  const causes = Map.groupBy
    ? Map.groupBy(samples, cause)
    : samples.reduce((all, one) => all.set(cause(one), [...(all.get(cause(one)) ?? []), one]), new Map());
  const one = (sample) =>
    el('article', { class: 'sample' },
      el('p', { class: 'dim' }, `arrival ${sample.arrival}, due at ${length(sample.t_s)}, sent by ${sample.agent}${sample.detail ? `: ${sample.detail}` : ''}`),
      el('pre', { tabindex: 0 }, sample.request), sample.answer ? el('pre', { tabindex: 0 }, sample.answer) : null);
  return el('div', {}, ...[...causes].map(([name, list]) =>
    el('details', { 'data-key': name }, el('summary', {}, `${name}, ${count(list.length)} kept`), ...list.slice(0, 5).map(one))));
};

const cause = (sample) =>
  `${sample.scenario} / ${sample.step}: ${words(sample.outcome)}${sample.status ? ` ${sample.status}` : ''}`;

const agents = (rows) =>
  table(['Agent', 'State', 'Lanes', 'In flight', 'Started', 'Send lag p99', 'CPU', 'Clock', 'Last heard', 'Lease left'], rows.map((row) => [
    row.name + (row.economy ? ' (economy pacing)' : ''), [words(row.state), row.state === 'lost' ? 'bad' : null], count(row.lanes),
    count(row.in_flight), count(row.started), time(row.send_lag_p99_us), `${(row.cpu_share * 100).toFixed(0)} %`, `± ${time(row.clock_bound_us)}`,
    `${count(row.silent_ms)} ms ago`, time(row.lease_left_ms * 1000),
  ]));

const ledger = (rows) =>
  table(['Scenario', 'Load', 'Asked now', 'Planned so far', 'Started', 'Finished', 'Skipped'], rows.map((row) => [
    row.name, row.kind, row.asked_users === null ? rate(row.asked_rate ?? 0) : `${count(row.asked_users)} users`,
    count(row.planned), count(row.started), count(row.finished), [count(row.skipped), row.skipped > 0 ? 'doubtful' : null],
  ]));

const over = (view) => {
  const { verdict, failure } = view.over;
  byId('state').textContent = words(verdict?.result ?? 'not started');
  const doubtful = verdict?.result === 'pass' && verdict.reasons.length > 0;
  byId('card').className = `verdict ${verdict?.result ?? 'invalid'}${doubtful ? ' doubt' : ''}`;
  byId('where').textContent = failure ?? ['The run is over', ...(verdict?.reasons ?? [])].join(': ');
  byId('progress').value = 1;
  byId('stop').hidden = byId('pause').hidden = byId('steering').hidden = true;
  byId('report').hidden = !verdict;
  byId('report').href = `/runs/${view.id}`;
};

const TOLD_AFTER_S = 1;
