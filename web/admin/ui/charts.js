// Plots by uPlot. A view says what a plot shows; it is drawn once its place stands in the page, and
// again with new numbers in the same place.
import uPlot from 'uplot';
import { h } from './dom.js';
import { onTheme } from './theme.js';
import { count } from './format.js';

const HEIGHT = 240;
const FONT = '12px system-ui, sans-serif';
/** Room above a plot for the names of its marks, in rows. */
const MARK_ROW = 15;
const MARK_ROWS = 4;
/** Counts have no halves. */
const WHOLE_STEPS = Array.from({ length: 9 }, (_, power) =>
  [1, 2, 5].map((part) => part * 10 ** power),
).flat();

/** What each plot shows, by its name. */
const wanted = new Map();
const drawn = new Map();
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const { plot } = drawn.get(target.dataset.plot) ?? {};
    const width = Math.floor(target.clientWidth);
    if (plot && width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }
});
onTheme(() => drawn.forEach(({ plot }) => plot.redraw(false, true)));

/**
 * The place of a plot. `shows`: {summary, series: [{name, shade, values}], xs, range: [from, to], marks:
 * [{at, name}], isTime, tick: (x) => text, point: (x) => text}; `xs` are where bars begin. Of a time also
 * zone, and ticks: (from, to, step) => xs.
 */
export function plotPlace(name, shows) {
  wanted.set(name, shows);
  return h('div', {
    class: 'plot',
    'data-keep': true,
    'data-key': `plot-${name}`,
    'data-plot': name,
    role: 'img',
    'aria-label': shows.summary,
  });
}

/** Draws the plots that stand in the page, and ends those that no longer do. */
export function drawPlots() {
  for (const [name, { place, plot }] of drawn) {
    if (place.isConnected) continue;
    resized.unobserve(place);
    plot.destroy();
    drawn.delete(name);
  }
  for (const place of document.querySelectorAll('[data-plot]')) {
    const shows = wanted.get(place.dataset.plot);
    const known = drawn.get(place.dataset.plot);
    const shape = JSON.stringify(shows);
    if (known?.shape === shape) continue;
    if (known && known.shows.series.length === shows.series.length) {
      Object.assign(known.shows, shows);
      known.shape = shape;
      known.plot.setData(dataOf(shows));
      known.read(null);
    } else {
      drawn.set(place.dataset.plot, { place, shape, ...draw(place, { ...shows }) });
      resized.observe(place);
    }
  }
}

const dataOf = ({ xs, series }) => [xs, ...series.map(({ values }) => values)];

/** A colour as the style sheet has it now: what a canvas can take, whatever the sheet writes. */
function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
const probe = h('span', { hidden: true });

function draw(place, shows) {
  const readout = h('p', { class: 'readout' });
  place.replaceChildren(readout);
  const read = (at) => {
    const values = shows.series.map(({ name, shade, values }) => [
      h('span', { class: `swatch ${shade}` }),
      at === null ? name : `${name} ${count(values[at] ?? 0)}`,
    ]);
    readout.replaceChildren(
      ...(at === null ? [] : [h('b', {}, shows.point(shows.xs[at]))]),
      ...values.map((value) => h('span', {}, value)),
    );
  };
  const bars = uPlot.paths.bars({ size: [0.9], align: 1 });
  const grid = { stroke: () => colour('line'), width: 1 };
  const axis = { stroke: () => colour('muted'), font: FONT, ticks: { ...grid, size: 4 } };
  const options = {
    width: Math.max(place.clientWidth, 200),
    height: HEIGHT,
    padding: [() => (shows.marks?.length ? MARK_ROW * MARK_ROWS + 6 : 10), 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: () => shows.range },
      y: { range: (plot, least, most) => [0, Math.max(4, (most ?? 0) * 1.08)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 64,
        size: 30,
        ...axisOf(shows),
        values: (plot, at) => at.map(shows.tick),
      },
      { ...axis, grid, size: 52, incrs: WHOLE_STEPS, values: (plot, at) => at.map(count) },
    ],
    series: [
      {},
      ...shows.series.map(({ shade }) => ({
        paths: bars,
        fill: () => colour(shade),
        stroke: () => colour(shade),
        width: 0,
        points: { show: false },
      })),
    ],
    hooks: { draw: [(plot) => drawMarks(plot, shows.marks ?? [])], setCursor: [(plot) => read(barAt(plot))] },
  };
  const plot = new uPlot(options, dataOf(shows), place);
  read(null);
  return { plot, shows, read };
}

/** The bar under the cursor: the one that began last, not the one whose beginning is nearest. */
function barAt(plot) {
  const { left } = plot.cursor;
  if (left === undefined || left < 0) return null;
  const at = plot.data[0].findLastIndex((x) => x <= plot.posToVal(left, 'x'));
  return at < 0 ? null : at;
}

/** Where ticks may stand: at hours and days of the clock that the labels show. */
function axisOf(shows) {
  if (!shows.isTime) return { incrs: WHOLE_STEPS };
  return {
    incrs: [1, 2, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24, 91 * 24, 364 * 24].map(
      (hours) => hours * 3_600,
    ),
    splits: (plot, index, from, to, step) => shows.ticks(from, to, step),
  };
}

/**
 * Lines across the plot, each with its name above it and to the right. A name that would touch one before
 * stands a row lower, so that no line crosses a name.
 */
function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  let [row, taken] = [0, -Infinity];
  ctx.save();
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  ctx.lineWidth = ratio;
  [ctx.textAlign, ctx.textBaseline] = ['left', 'alphabetic'];
  ctx.strokeStyle = ctx.fillStyle = colour('mark');
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  for (const { at, name } of marks) {
    const x = Math.round(plot.valToPos(at, 'x', true)) + 0.5;
    const width = ctx.measureText(name).width;
    const left = Math.min(x + 5 * ratio, ctx.canvas.width - width - 2);
    row = x > taken ? 0 : Math.min(row + 1, MARK_ROWS - 1);
    taken = Math.max(taken, left + width + 6 * ratio);
    const bottom = bbox.top - ((MARK_ROWS - 1 - row) * MARK_ROW + 6) * ratio;
    ctx.beginPath();
    ctx.moveTo(x, bottom - 9 * ratio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(name, left, bottom);
  }
  ctx.restore();
}
