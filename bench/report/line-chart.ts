import { linearTicks, logTicks, shortNumber } from './axis.ts';
import {
  type Caption,
  colourOf,
  element,
  LEGEND_HEIGHT,
  legend,
  line,
  picture,
  TITLE_HEIGHT,
  text,
  WIDTH,
} from './svg.ts';

export interface LineChart extends Caption {
  readonly xAxis: string;
  readonly yAxis: string;
  /** Labels of the places on the x axis, evenly apart. */
  readonly places: readonly string[];
  /** One value a place. */
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly scale: 'linear' | 'log';
}

const LEFT = 76;
const RIGHT = 90;
const PLOT = 240;
const BOTTOM = 54;
/** From one figure to the next at the same place, so that both can be read. */
const FIGURE_HEIGHT = 12;
/** Lines differ in their dashes too, not only in colour. */
const DASHES = ['', '7 4', '2 3', '9 3 2 3'];

/** Lines over a few named places, with a dot and the figure at each. */
export function lineChart(chart: LineChart): string {
  const top = TITLE_HEIGHT + LEGEND_HEIGHT + 6;
  const bottom = top + PLOT;
  const { ticks, y } = yScale(chart, top, bottom);
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, chart.places.length - 1);
  const x = (place: number): number => LEFT + place * step;
  const grid = ticks.map((tick) => {
    const label = text(LEFT - 8, y(tick) + 4, shortNumber(tick), { 'text-anchor': 'end', 'font-size': 12 });
    return line(LEFT, y(tick), WIDTH - RIGHT, y(tick)) + label;
  });
  const places = chart.places.map((label, i) =>
    text(x(i), bottom + 18, label, { 'text-anchor': 'middle', 'font-size': 12 }),
  );
  const lines = chart.lines.map(({ name, values }, i) =>
    drawLine(
      name,
      dashOf(i),
      values.map((value, at) => [x(at), y(value)]),
    ),
  );
  const figures = chart.places.flatMap((_, at) => {
    const values = chart.lines.map((one) => one.values[at] ?? 0);
    const heights = apart(values.map(y), FIGURE_HEIGHT);
    return values.map((value, i) =>
      text(x(at) + 7, (heights[i] ?? 0) - 5, shortNumber(value), { 'font-size': 11 }),
    );
  });
  const middle = (top + bottom) / 2;
  const axes =
    text((LEFT + WIDTH - RIGHT) / 2, bottom + 40, chart.xAxis, { 'text-anchor': 'middle' }) +
    text(18, middle, chart.yAxis, { 'text-anchor': 'middle', transform: `rotate(-90 18 ${middle})` });
  const names = chart.lines.map(({ name }) => name);
  const sample = (name: string, at: number, dy: number): string =>
    stroke(`${at},${dy + 6} ${at + 20},${dy + 6}`, name, dashOf(names.indexOf(name)));
  const content =
    legend(TITLE_HEIGHT, names, sample) +
    grid.join('') +
    places.join('') +
    [...lines, ...figures].join('') +
    axes;
  return picture(chart, bottom + BOTTOM, content);
}

function yScale(
  { lines, scale }: LineChart,
  top: number,
  bottom: number,
): { ticks: number[]; y: (value: number) => number } {
  const values = lines.flatMap((one) => one.values);
  const ticks =
    scale === 'log' ? logTicks(Math.min(...values), Math.max(...values)) : linearTicks(Math.max(...values));
  const place = scale === 'log' ? Math.log10 : (value: number): number => value;
  const [low, high] = [place(ticks[0] ?? 0), place(ticks.at(-1) ?? 1)];
  return { ticks, y: (value) => bottom - ((place(value) - low) / (high - low)) * (bottom - top) };
}

function dashOf(i: number): string {
  return DASHES[i % DASHES.length] ?? '';
}

function stroke(points: string, name: string, dash: string): string {
  const dashes = dash === '' ? {} : { 'stroke-dasharray': dash };
  return element('polyline', {
    points,
    fill: 'none',
    stroke: colourOf(name),
    'stroke-width': 2.5,
    ...dashes,
  });
}

/**
 * Moves places on a line so that no two are nearer than `gap`, upwards and no more than needed. The lowest on the
 * screen, which has the largest number, stays.
 */
export function apart(places: readonly number[], gap: number): number[] {
  const moved = [...places];
  const lowestFirst = places.map((_, i) => i).sort((a, b) => (places[b] ?? 0) - (places[a] ?? 0));
  let free = Number.POSITIVE_INFINITY;
  for (const i of lowestFirst) {
    moved[i] = Math.min(places[i] ?? 0, free);
    free = (moved[i] ?? 0) - gap;
  }
  return moved;
}

function drawLine(name: string, dash: string, points: readonly (readonly [number, number])[]): string {
  const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  const dots = points.map(([cx, cy]) => element('circle', { cx, cy, r: 3.5, fill: colourOf(name) }));
  return stroke(path, name, dash) + dots.join('');
}
