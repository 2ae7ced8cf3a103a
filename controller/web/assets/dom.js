// Elements without markup from text: whatever a target or a plan says stays text.

/** `el('td', { class: 'bad' }, 'text', other)`. */
export const el = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

export const byId = (id) => document.getElementById(id);

/** A table: `columns` are names; the first cell of a row is its head. A cell is a text or [text, class]. */
export const table = (columns, rows) =>
  el('table', { class: 'numbers' },
    el('thead', {}, el('tr', {}, ...columns.map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, ...rows.map((row) => el('tr', {}, ...row.map(cell)))),
  );

const cell = (content, place) => {
  const [text, kind] = Array.isArray(content) ? content : [content, null];
  return place === 0 ? el('th', { scope: 'row', class: kind }, text) : el('td', { class: kind }, text);
};
