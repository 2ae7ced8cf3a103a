// The one file that knows plotly: rows of a report or of a feed become charts on one time axis.
//
// A panel is drawn when there is something to draw in it. Zooming one zooms all; new rows keep the zoom.
import { mark, time, words } from './format.js';

/** Colours that colour-blind people tell apart (Okabe and Ito, 2008). */
const PALETTE = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#8d8d8d', '#b8a800'];
const GAP = 0.045;

/** Draws into `element`, or draws anew; `data` holds `timeline`, `heat`, `faults`, `pulse`, `phases`, as in the report. */
export const draw = (element, data) => {
  const Plotly = globalThis.Plotly;
  const style = getComputedStyle(element);
  const theme = {
    ink: style.getPropertyValue('--ink').trim(),
    dim: style.getPropertyValue('--dim').trim(),
    line: style.getPropertyValue('--line').trim(),
    bad: style.getPropertyValue('--bad').trim(),
  };
  const panels = panelsOf(data);
  if (panels.length === 0) return null;
  const layout = layoutOf(panels, data, theme, element.clientWidth < 600);
  const traces = panels.flatMap((panel, place) =>
    panel.traces.map((trace) => ({ ...trace, xaxis: 'x', yaxis: axis('y', place) })),
  );
  element.style.height = `${layout.height}px`;
  return Plotly.react(element, traces, layout, {
    displaylogo: false,
    responsive: true,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'],
  });
};

const axis = (letter, place) => (place === 0 ? letter : `${letter}${place + 1}`);

const panelsOf = (data) => {
  const timeline = data.timeline ?? [];
  const pulse = data.pulse ?? [];
  const scenarios = [...new Set(timeline.map((row) => row.scenario))];
  const rows = scenarios.map((name) => timeline.filter((row) => row.scenario === name));
  const colour = (place) => PALETTE[place % PALETTE.length];
  const many = scenarios.length > 1;
  const named = (text, place) => (many ? `${scenarios[place]}: ${text}` : text);
  const each = (made) => rows.flatMap((own, place) => made(own, place).map((trace) => (many ? grouped(trace, scenarios[place]) : trace)));
  const perSecond = (row, n) => n / row.width_s;
  const panels = [
    {
      title: many ? 'Rate per second: asked (dotted), started' : 'Rate per second',
      traces: each((own, place) => [
        line(named('asked', place), own, (row) => perSecond(row, row.planned), { color: colour(place), dash: 'dot' }),
        line(named('started', place), own, (row) => perSecond(row, row.started), { color: colour(place) }),
      ]),
    },
    {
      title: many ? 'Response time: p50 (dotted), p95 (dashed), p99' : 'Response time',
      log: true,
      traces: each((own, place) => [
        timed(named('p50', place), own, (row) => row.p50, { color: colour(place), dash: 'dot' }),
        timed(named('p95', place), own, (row) => row.p95, { color: colour(place), dash: 'dash' }),
        timed(named('p99', place), own, (row) => row.p99, { color: colour(place) }),
      ]),
    },
    { title: 'Response time, requests by due time', heat: true, log: false, traces: heatOf(data.heat) },
    { title: 'Errors per second', traces: errorsOf(each, pulse, named, colour) },
    { title: 'Users and requests in flight', traces: usersOf(each, pulse, named, colour) },
    { title: 'Send lag p99, by agent', log: true, traces: lagOf(pulse, colour) },
    { title: 'CPU by agent, of its engine’s cores', percent: true, traces: cpuOf(pulse, colour) },
  ];
  const shows = (trace) => trace.type === 'heatmap' || trace.y.some((y) => y !== null && y !== undefined);
  return panels
    .map((panel) => ({ ...panel, traces: panel.traces.filter(shows) }))
    .filter((panel) => panel.traces.length > 0);
};

/** One entry of the legend shows and hides all lines of a scenario; what a line is, is said where it is pointed at. */
const grouped = (trace, scenario) => {
  const isEntry = trace.name === `${scenario}: started`;
  return {
    ...trace,
    name: isEntry ? scenario : trace.name,
    legendgroup: scenario,
    showlegend: isEntry,
    hovertemplate: `${trace.hovertemplate}<extra>${trace.name}</extra>`,
  };
};

const line = (name, rows, value, style) => ({
  type: 'scatter',
  mode: 'lines',
  name,
  x: rows.map((row) => row.t_s),
  y: rows.map(value),
  line: { width: 1.6, ...style },
  hovertemplate: '%{y:.4~g}',
});

/** A line of times: the axis is in milliseconds, the label says it with its unit. */
const timed = (name, rows, value, style) => ({
  // Nothing has a place on an axis of powers.
  ...line(name, rows, (row) => (value(row) > 0 ? value(row) / 1e3 : null), style),
  text: rows.map((row) => time(value(row))),
  hovertemplate: '%{text}',
});

const errorsOf = (each, pulse, named, colour) => {
  const causes = [...new Set(pulse.flatMap((row) => Object.keys(row.errors)))].sort();
  if (causes.length > 0) {
    return causes.map((cause, place) =>
      line(words(cause), pulse, (row) => (row.errors[cause] ?? 0) / row.width_s, { color: colour(place + 5) }),
    );
  }
  return each((own, place) =>
    own.some((row) => row.errors > 0)
      ? [line(named('errors', place), own, (row) => row.errors / row.width_s, { color: colour(place + 5) })]
      : [],
  );
};

const usersOf = (each, pulse, named, colour) => {
  const users = each((own, place) =>
    own.some((row) => row.users_asked !== null && row.users_asked !== undefined)
      ? [
          line(named('users asked', place), own, (row) => row.users_asked, { color: colour(place), dash: 'dot' }),
          line(named('users there', place), own, (row) => row.users_active, { color: colour(place) }),
        ]
      : [],
  );
  const flight = pulse.length > 0 ? [line('in flight', pulse, (row) => row.in_flight, { color: colour(6) })] : [];
  return [...users, ...flight];
};

/** A trace per agent; what `made` gives is the trace of the agent with this name. */
const byAgent = (pulse, made) => {
  const names = [...new Set(pulse.flatMap((row) => row.agents.map((agent) => agent.name)))];
  const own = (name) => (row) => row.agents.find((agent) => agent.name === name);
  return names.slice(0, 20).map((name, place) => ({ ...made(name, own(name), place), legendgroup: `agent ${name}` }));
};

/** The agents stand in the legend once, with their processors: they have one colour everywhere. */
const lagOf = (pulse, colour) =>
  byAgent(pulse, (name, own, place) => ({
    ...timed(name, pulse, (row) => own(row)?.send_lag_p99_us ?? null, { color: colour(place) }),
    showlegend: false,
  }));

const cpuOf = (pulse, colour) =>
  byAgent(pulse, (name, own, place) => ({
    ...line(name, pulse, (row) => own(row)?.cpu_share ?? null, { color: colour(place) }),
    hovertemplate: '%{y:.1%}',
  }));

/** Cells as a heat map: seconds from left to right, a row each, cells from fast to slow. */
const heatOf = (heat) => {
  if (!heat || heat.rows.length === 0) return [];
  const first = Math.min(...heat.rows.map((row) => row.first));
  const end = Math.max(...heat.rows.map((row) => row.first + row.counts.length));
  const cells = Array.from({ length: end - first }, (_, place) => first + place);
  const label = (cell) => (heat.edges_us[cell] === 0 ? `< ${mark(heat.edges_us[1])}` : `≥ ${mark(heat.edges_us[cell])}`);
  return [
    {
      type: 'heatmap',
      x: heat.rows.map((row) => row.t_s),
      y: cells.map(label),
      z: cells.map((cell) => heat.rows.map((row) => row.counts[cell - row.first] || null)),
      colorscale: 'Cividis',
      reversescale: true,
      showscale: false,
      hoverongaps: false,
      hovertemplate: '%{y}: %{z} requests<extra></extra>',
    },
  ];
};

const layoutOf = (panels, data, theme, narrow) => {
  const heights = panels.map((panel) => (panel.heat ? 1.2 : 1));
  const all = heights.reduce((sum, height) => sum + height, 0);
  const layout = {
    height: Math.round(all * (narrow ? 190 : 210) + 60),
    margin: { l: 76, r: 12, t: 24, b: 36 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    font: { color: theme.ink, size: 12, family: 'system-ui, sans-serif' },
    hovermode: 'x',
    hoversubplots: 'axis',
    hoverlabel: { namelength: -1 },
    modebar: { bgcolor: 'rgba(0,0,0,0)', color: theme.dim, activecolor: theme.ink },
    showlegend: !narrow,
    legend: { orientation: 'v', font: { size: 11 } },
    uirevision: 'the same zoom while rows come in',
    annotations: [],
    shapes: shapesOf(data, theme),
    xaxis: {
      anchor: axis('y', panels.length - 1),
      ...line_of(theme),
      title: { text: 'seconds of the run' },
      range: data.duration_s > 0 ? [0, data.duration_s] : undefined,
      unifiedhovertitle: { text: '%{x} s' },
    },
  };
  let top = 1;
  panels.forEach((panel, place) => {
    const height = heights[place] / all;
    const [low, high] = [Math.max(0, top - height + GAP), top];
    const ticks = panel.log ? ticksOf(panel) : panel.percent ? { tickformat: '~%' } : {};
    layout[`yaxis${place === 0 ? '' : place + 1}`] = {
      ...line_of(theme),
      domain: [low, high],
      type: panel.heat ? 'category' : panel.log ? 'log' : 'linear',
      rangemode: 'tozero',
      nticks: panel.heat ? (narrow ? 5 : 8) : 5,
      ...ticks,
    };
    layout.annotations.push({
      text: `<b>${panel.title}</b>`,
      xref: 'paper', yref: 'paper', x: 0, y: high, xanchor: 'left', yanchor: 'bottom',
      showarrow: false, font: { size: 12, color: theme.ink },
    });
    top -= height;
  });
  return layout;
};

/** Where an axis of powers is marked: by ones, twos and fives, closer when little is seen, wider when much is. */
const ticksOf = (panel) => {
  const seen = panel.traces.flatMap((trace) => trace.y.filter((y) => y > 0));
  const decades = Math.log10(Math.max(...seen) / Math.min(...seen));
  const steps = decades > 2.5 ? [1] : decades > 0.7 ? [1, 2, 5] : [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
  const tickvals = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) => steps.map((step) => step * 10 ** power));
  return { tickmode: 'array', tickvals, ticktext: tickvals.map((ms) => mark(ms * 1e3)) };
};

const line_of = (theme) => ({ gridcolor: theme.line, linecolor: theme.line, zerolinecolor: theme.line, tickcolor: theme.line });

/** Faults as shadows, phases as lines. */
const shapesOf = (data, theme) => {
  const over = { xref: 'x', yref: 'paper', y0: 0, y1: 1, layer: 'below' };
  const faults = (data.faults ?? []).map((fault) => ({
    ...over, type: 'rect', x0: fault.from_s, x1: fault.until_s ?? data.duration_s ?? fault.from_s + 1,
    fillcolor: theme.bad, opacity: 0.12, line: { width: 0 },
  }));
  const marks = [
    ...(data.phases ?? []).map((phase) => phase.start_s),
    ...(data.changes ?? []).map((change) => change.at_s),
  ];
  const lines = marks.filter((at) => at > 0).map((at) => ({
    ...over, type: 'line', x0: at, x1: at, line: { color: theme.dim, width: 1, dash: 'dot' },
  }));
  return [...faults, ...lines];
};

/** Draws again when the colours of the page change. */
export const follow = (redraw) => {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
};

/** What an element of the page holds as gzip in base64. */
export const unpack = async (id) => {
  const text = atob(document.getElementById(id).textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
};

/** plotly.js: unpacked from the file itself, or from the server. */
const load = async () => {
  const packed = document.getElementById('plotly') && (await unpack('plotly'));
  const url = packed ? URL.createObjectURL(new Blob([packed], { type: 'text/javascript' })) : '/assets/plotly.js';
  await new Promise((done, failed) => {
    const script = Object.assign(document.createElement('script'), { src: url, onload: done, onerror: failed });
    document.head.append(script);
  });
};

let loaded = null;

/** Resolves when charts can be drawn. */
export const ready = () => {
  loaded ??= load();
  return loaded;
};
