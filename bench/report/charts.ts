import type { RowResult } from '../harness/finding.ts';
import type { Results } from '../harness/results.ts';
import type { Sample } from '../harness/sample.ts';
import { median } from '../harness/statistics.ts';
import { shortNumber } from './axis.ts';
import { type Bar, type BarChart, barChart } from './bar-chart.ts';
import { lineChart } from './line-chart.ts';

/** A picture of the page: its file name, what it is called, and the SVG. */
export interface Chart {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** Not an HTTP server, so its rate is of another kind. */
const NOT_DRAWN: ReadonlySet<string> = new Set(['sync floor']);

/** All charts that a run has the rows for. */
export function chartsOf(results: Results): Chart[] {
  const row = (name: string): RowResult | undefined =>
    results.rows.find((one) => one.row === name && Object.keys(one.samples).length > 0);
  const rows = (...names: string[]): RowResult[] => names.map(row).filter((one) => one !== undefined);
  const growth = row('growth');
  const latency = row('latency');
  return [
    ...bars(
      'append',
      'Single durable appends',
      rows('append-64', 'append-512', 'append-1'),
      'requests a second',
    ),
    ...bars('batch', 'Appends of 1,000 entries a request', rows('append-batch'), 'entries a second'),
    ...bars(
      'reads',
      'Reads, 32 connections',
      rows('get-checkpoint', 'get-tile', 'get-bundle', 'get-bundle-gzip'),
      'requests a second',
    ),
    ...bars(
      'proofs',
      'Proofs, random over the tree, 32 connections',
      rows('prove-index', 'prove-hash', 'prove-consistency'),
      'requests a second',
    ),
    ...(latency === undefined ? [] : [latencyChart(latency)]),
    ...(growth === undefined ? [] : growthCharts(growth)),
  ];
}

function bars(file: string, title: string, rows: readonly RowResult[], axis: string): Chart[] {
  if (rows.length === 0) return [];
  const groups = rows.map((row) => ({ label: row.row, bars: barsOf(row) }));
  const said = groups.map(({ label, bars: list }) => `${label}: ${list.map(inWords).join(', ')}`);
  const chart: BarChart = { title, axis, groups, description: `Medians in ${axis}. ${said.join('; ')}.` };
  return [{ file: `${file}.svg`, title, svg: barChart(chart) }];
}

function inWords({ name, value }: Bar): string {
  return `${name} ${shortNumber(value)}`;
}

function barsOf({ samples }: RowResult): Bar[] {
  return Object.entries(samples)
    .filter(([name]) => !NOT_DRAWN.has(name))
    .map(([name, list]) => {
      const rates = list.map(({ perSec }) => perSec);
      return { name, value: median(rates), min: Math.min(...rates), max: Math.max(...rates) };
    });
}

const PERCENTILES = ['p50Ms', 'p90Ms', 'p99Ms', 'p999Ms', 'maxMs'] as const;
const PERCENTILE_NAMES = ['50 %', '90 %', '99 %', '99.9 %', 'slowest'];

/** The median over the rounds of each percentile. */
export function percentilesOf(samples: readonly Sample[]): number[] {
  return PERCENTILES.map((key) => median(samples.map((sample) => sample[key])));
}

function latencyChart({ title: rowTitle, samples }: RowResult): Chart {
  const lines = Object.entries(samples).map(([name, list]) => ({ name, values: percentilesOf(list) }));
  const said = lines.map(({ name, values }) => `${name} ${values.map(shortNumber).join(', ')}`);
  const title = 'Time to answer at a set rate';
  const description = `${rowTitle}. Milliseconds at ${PERCENTILE_NAMES.join(', ')}: ${said.join('; ')}.`;
  const axes = {
    xAxis: 'part of all requests answered in less',
    yAxis: 'milliseconds since due',
    scale: 'log',
  } as const;
  const svg = lineChart({ title, description, ...axes, places: PERCENTILE_NAMES, lines });
  return { file: 'latency.svg', title, svg };
}

function growthCharts({ samples }: RowResult): Chart[] {
  const places = [...new Set(Object.keys(samples).map((name) => name.replace(/^\w+ at /, '')))];
  const linesOf = (value: (sample: Sample) => number): { name: string; values: number[] }[] =>
    ['append', 'prove'].map((name) => ({
      name,
      values: places.map((place) => median((samples[`${name} at ${place}`] ?? []).map(value))),
    }));
  const draw = (file: string, title: string, yAxis: string, value: (sample: Sample) => number): Chart => {
    const lines = linesOf(value);
    const said = lines.map(({ name, values }) => `${name} ${values.map(shortNumber).join(', ')}`);
    const description = `${yAxis} at ${places.join(', ')} entries: ${said.join('; ')}.`;
    const axes = { xAxis: 'entries in the log', yAxis, scale: 'linear' } as const;
    return { file, title, svg: lineChart({ title, description, ...axes, places, lines }) };
  };
  return [
    draw('growth-rate.svg', 'Rate as the log grows', 'requests a second', ({ perSec }) => perSec),
    draw('growth-p99.svg', 'Slowest hundredth as the log grows', 'p99, milliseconds', ({ p99Ms }) => p99Ms),
  ];
}
