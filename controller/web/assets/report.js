// The charts of a report, as one file or as a page of the server.
import { draw, follow, ready } from './charts.js';

const element = document.getElementById('charts');
const rows = JSON.parse(document.getElementById('rows').textContent);
ready().then(
  () => {
    const redraw = () => draw(element, rows);
    redraw();
    follow(redraw);
  },
  () => {
    element.textContent = 'The charts cannot be drawn in this browser; the tables hold the same numbers.';
  },
);
