// The charts of a report, as one file or as a page of the server.
import { draw, follow, ready, unpack } from './charts.js';

const element = document.getElementById('charts');
Promise.all([unpack('rows'), ready()]).then(
  ([packed]) => {
    const rows = JSON.parse(new TextDecoder().decode(packed));
    const redraw = () => draw(element, rows);
    redraw();
    follow(redraw);
  },
  () => {
    element.textContent = 'The charts cannot be drawn in this browser; the tables hold the same numbers.';
  },
);
