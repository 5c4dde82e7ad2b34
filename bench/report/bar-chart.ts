import { linearTicks, shortNumber } from './axis.ts';
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

/** One bar: the middle value and between which others lay. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

export interface BarChart extends Caption {
  /** What the length of a bar counts, with its unit. */
  readonly axis: string;
  readonly groups: readonly { readonly label: string; readonly bars: readonly Bar[] }[];
}

const BAR = 17;
const GAP = 14;
const LEFT = 190;
const RIGHT = 84;
const AXIS_HEIGHT = 48;

/** Horizontal bars in groups, with a whisker from the lowest to the highest round, and each value in figures. */
export function barChart(chart: BarChart): string {
  const names = [...new Set(chart.groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const ticks = linearTicks(Math.max(...chart.groups.flatMap(({ bars }) => bars.map(({ max }) => max))));
  const scale = (value: number): number => LEFT + (value / (ticks.at(-1) ?? 1)) * (WIDTH - LEFT - RIGHT);
  const top = TITLE_HEIGHT + LEGEND_HEIGHT;
  let y = top;
  const groups = chart.groups.map(({ label, bars }) => {
    const middle = y + (bars.length * BAR) / 2 + 4;
    const drawn = bars.map((bar, i) => drawBar(bar, y + i * BAR, scale)).join('');
    y += bars.length * BAR + GAP;
    return text(LEFT - 12, middle, label, { 'text-anchor': 'end' }) + drawn;
  });
  const grid = ticks.map((tick) => {
    const label = text(scale(tick), y + 14, shortNumber(tick), { 'text-anchor': 'middle', 'font-size': 12 });
    return line(scale(tick), top - 4, scale(tick), y) + label;
  });
  const axis = text((LEFT + WIDTH - RIGHT) / 2, y + 34, chart.axis, { 'text-anchor': 'middle' });
  const square = (name: string, x: number, at: number): string =>
    element('rect', { x, y: at, width: 16, height: 11, fill: colourOf(name) });
  const content = legend(TITLE_HEIGHT, names, square) + grid.join('') + groups.join('') + axis;
  return picture(chart, y + AXIS_HEIGHT, content);
}

function drawBar({ name, value, min, max }: Bar, y: number, scale: (value: number) => number): string {
  const x = scale(0);
  const bar = element('rect', { x, y, width: scale(value) - x, height: BAR - 3, fill: colourOf(name) });
  const whisker = line(scale(min), y + 7, scale(max), y + 7, '#000000');
  const figure = text(Math.max(scale(max), scale(value)) + 5, y + 11, shortNumber(value), {
    'font-size': 12,
  });
  return bar + whisker + figure;
}
