// The page on which runs are started and watched.
import * as api from './api.js';
import { ready } from './charts.js';
import { byId, el } from './dom.js';
import { follow } from './live.js';

let followed = null;

/** Looks which run is on and follows it; tells who is there and what waits. */
const look = async () => {
  const now = await api.status().catch(() => null);
  byId('fleet').textContent = now ? fleet(now) : 'The controller does not answer.';
  byId('start').hidden = now !== null && !now.takes_runs;
  const id = now?.running[0]?.id ?? null;
  if (id !== null && id !== followed) {
    followed = id;
    follow(id, look);
  }
};

const fleet = ({ agents, queued }) => {
  const names = agents.map((agent) => agent.name).join(', ');
  const here = agents.length > 0 ? `Agents here: ${names}.` : 'No agent has joined; a run gets one inside the controller.';
  const waits = queued.length > 0 ? ` In the queue: ${queued.map((run) => `${run.name} (${run.reason || 'next'})`).join(', ')}.` : '';
  return here + waits;
};

const tell = (problem) => {
  const problems = problem.problems ?? [{ message: problem.error, remedy: problem.remedy }];
  byId('problems').replaceChildren(...problems.map((one) => {
    const place = one.line ? `line ${one.line}, column ${one.column}: ` : '';
    const link = one.line ? el('a', { href: '#text', click: () => mark(one.line) }, place) : place;
    return el('li', {}, link, [one.message, one.remedy].filter(Boolean).join('; '));
  }));
};

/** Puts the cursor into a line of the plan. */
const mark = (number) => {
  const text = byId('text');
  const lines = text.value.split('\n');
  const from = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
  text.focus();
  text.setSelectionRange(from, from + lines[number - 1].length);
  text.scrollTop = (text.scrollHeight * (number - 1)) / lines.length - text.clientHeight / 2;
};

const start = async (plan) => {
  byId('problems').replaceChildren();
  try {
    await api.start(plan);
    await look();
    scrollTo({ top: 0 });
  } catch (problem) {
    byId('text').value = plan;
    tell(problem);
  }
};

/** What the small form says, as a plan. */
const quick = async () => {
  const form = Object.fromEntries(new FormData(byId('quick')));
  const load = form.kind === 'users' ? { users: Number(form.users), spawn: `${form.spawn}/s` } : { rate: `${form.rate}/s` };
  const { base_url, path, method, duration } = form;
  return (await api.quick({ base_url, path, method, duration, ...load })).plan;
};

byId('quick').addEventListener('submit', (event) => {
  event.preventDefault();
  quick().then(start, tell);
});
byId('to-plan').addEventListener('click', () => quick().then((plan) => { byId('text').value = plan; }, tell));
byId('quick').elements.kind.addEventListener('change', (event) => {
  for (const label of document.querySelectorAll('[data-kind]')) label.hidden = label.dataset.kind !== event.target.value;
});
byId('plan').addEventListener('submit', (event) => {
  event.preventDefault();
  start(byId('text').value);
});
byId('check').addEventListener('click', async () => {
  const told = await api.check(byId('text').value).catch((problem) => problem);
  tell(told.ok ? { problems: [{ message: 'No problems.' }] } : told);
});
byId('file').addEventListener('change', async (event) => {
  byId('text').value = (await event.target.files[0]?.text()) ?? '';
});
// Whoever draws is told what went wrong; here it only begins to load while the run is looked for.
ready().catch(() => {});
look();
setInterval(look, 5000);
