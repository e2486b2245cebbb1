// Charts, by uPlot. A card says what its chart shows; it is drawn once its element stands in the page, and
// again with new numbers in the same element.
import uPlot from 'uplot';
import { h } from './dom.js';
import { onTheme } from './theme.js';
import { count } from './format.js';

const HEIGHT = 240;
const FONT = '12px system-ui, sans-serif';
/** Room above a chart for the names of its marks, in rows. */
const MARK_ROW = 15;
const MARK_ROWS = 4;
/** Counts have no halves. */
const WHOLE_STEPS = Array.from({ length: 9 }, (_, power) =>
  [1, 2, 5].map((part) => part * 10 ** power),
).flat();

/** What each chart shows, by its name. */
const wanted = new Map();
/** Charts in the page, by their names. */
const drawn = new Map();
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const { plot } = drawn.get(target.dataset.chart) ?? {};
    const width = Math.floor(target.clientWidth);
    if (plot && width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }
});
onTheme(() => {
  for (const { plot } of drawn.values()) plot.redraw(false, true);
});

/**
 * Makes the element of a chart. `spec`: {summary, series: [{name, shade, values}], xs, range: [from, to], marks:
 * [{at, name}], isTime, tick: (x) => text, point: (x) => text}; `xs` are where bars begin. Of a time also
 * zone, and ticks: (from, to, apart) => xs.
 */
export function chart(name, spec) {
  wanted.set(name, spec);
  return h('div', {
    class: 'chart',
    'data-keep': true,
    'data-key': `chart-${name}`,
    'data-chart': name,
    role: 'img',
    'aria-label': spec.summary,
  });
}

/** Draws the charts that stand in the page, and ends those that no longer do. */
export function drawCharts() {
  for (const [name, { element, plot }] of drawn) {
    if (element.isConnected) continue;
    resized.unobserve(element);
    plot.destroy();
    drawn.delete(name);
  }
  for (const element of document.querySelectorAll('[data-chart]')) {
    const { chart: name } = element.dataset;
    const spec = wanted.get(name);
    const known = drawn.get(name);
    const shape = JSON.stringify(spec);
    if (known?.shape === shape) continue;
    if (known && known.spec.series.length === spec.series.length) {
      Object.assign(known.spec, spec);
      known.shape = shape;
      known.plot.setData(dataOf(spec));
      known.readOut(null);
    } else {
      drawn.set(name, { element, shape, ...draw(element, { ...spec }) });
      resized.observe(element);
    }
  }
}

const dataOf = ({ xs, series }) => [xs, ...series.map(({ values }) => values)];

/** Returns a colour as the style sheet has it now: what a canvas can take, whatever the sheet writes. */
function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
const probe = h('span', { hidden: true });

function draw(element, spec) {
  const readout = h('p', { class: 'readout' });
  element.replaceChildren(readout);
  const readOut = (at) => {
    const values = spec.series.map(({ name, shade, values }) => [
      h('span', { class: `swatch ${shade}` }),
      at === null ? name : `${name} ${count(values[at] ?? 0)}`,
    ]);
    readout.replaceChildren(
      ...(at === null ? [] : [h('b', {}, spec.point(spec.xs[at]))]),
      ...values.map((value) => h('span', {}, value)),
    );
  };
  const bars = uPlot.paths.bars({ size: [0.9], align: 1 });
  const grid = { stroke: () => colour('line'), width: 1 };
  const axis = { stroke: () => colour('muted'), font: FONT, ticks: { ...grid, size: 4 } };
  const options = {
    width: Math.max(element.clientWidth, 200),
    height: HEIGHT,
    padding: [() => (spec.marks?.length ? MARK_ROW * MARK_ROWS + 6 : 10), 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: () => spec.range },
      y: { range: (_plot, _least, most) => [0, Math.max(4, (most ?? 0) * 1.08)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 64,
        size: 30,
        ...axisOf(spec),
        values: (_plot, at) => at.map(spec.tick),
      },
      { ...axis, grid, size: 52, incrs: WHOLE_STEPS, values: (_plot, at) => at.map(count) },
    ],
    series: [
      {},
      ...spec.series.map(({ shade }) => ({
        paths: bars,
        fill: () => colour(shade),
        stroke: () => colour(shade),
        width: 0,
        points: { show: false },
      })),
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, spec.marks ?? [])],
      setCursor: [(plot) => readOut(barAt(plot))],
    },
  };
  const plot = new uPlot(options, dataOf(spec), element);
  readOut(null);
  return { plot, spec, readOut };
}

/** Returns the bar under the cursor: the one that began last, not the one whose beginning is nearest. */
function barAt(plot) {
  const { left } = plot.cursor;
  if (left === undefined || left < 0) return null;
  const at = plot.data[0].findLastIndex((x) => x <= plot.posToVal(left, 'x'));
  return at < 0 ? null : at;
}

/** Says where ticks may stand: at hours and days of the clock that the labels show. */
function axisOf(spec) {
  if (!spec.isTime) return { incrs: WHOLE_STEPS };
  return {
    incrs: [1, 2, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24, 91 * 24, 364 * 24].map(
      (hours) => hours * 3_600,
    ),
    splits: (_plot, _axis, from, to, apart) => spec.ticks(from, to, apart),
  };
}

/**
 * Draws lines across a chart, each with its name above it and to the right. A name that would touch one before
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
