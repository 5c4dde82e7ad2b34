/** Width of every chart, in user units. */
export const WIDTH = 760;
export const TITLE_HEIGHT = 44;
export const LEGEND_HEIGHT = 26;

const FONT = 'system-ui, sans-serif';
const INK = '#1b1b1b';
export const GRID = '#d8d8d8';

/** Colours that people with any colour vision tell apart (Okabe and Ito), by what they stand for. */
const COLOURS: Readonly<Record<string, string>> = {
  stele: '#0072b2',
  bare: '#7f7f7f',
  'Tessera 5ms': '#d55e00',
  'Tessera 250ms': '#e69f00',
  Tessera: '#d55e00',
  'stele, index off': '#56b4e9',
  'raw level': '#009e73',
  append: '#0072b2',
  prove: '#cc79a7',
};
const OTHER_COLOUR = '#444444';

export function colourOf(name: string): string {
  return COLOURS[name] ?? OTHER_COLOUR;
}

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

type Attributes = Readonly<Record<string, string | number>>;

/** One element; numbers are cut to a tenth. */
export function element(name: string, attributes: Attributes, content = ''): string {
  const list = Object.entries(attributes).map(([key, value]) => {
    const text = typeof value === 'number' ? String(Math.round(value * 10) / 10) : escapeXml(value);
    return ` ${key}="${text}"`;
  });
  return content === '' ? `<${name}${list.join('')}/>` : `<${name}${list.join('')}>${content}</${name}>`;
}

export function text(x: number, y: number, said: string, attributes: Attributes = {}): string {
  return element('text', { x, y, fill: INK, 'font-size': 13, ...attributes }, escapeXml(said));
}

export function line(x1: number, y1: number, x2: number, y2: number, stroke: string = GRID): string {
  return element('line', { x1, y1, x2, y2, stroke });
}

/** Names and their colours in one line; `marker` draws the sample at a place. */
export function legend(
  y: number,
  names: readonly string[],
  marker: (name: string, x: number, y: number) => string,
): string {
  let x = 16;
  return names
    .map((name) => {
      const at = x;
      x += 40 + name.length * 7.5;
      return marker(name, at, y) + text(at + 24, y + 10, name);
    })
    .join('');
}

/** What a chart is called and what it says, also to those who cannot see it. */
export interface Caption {
  readonly title: string;
  readonly description: string;
}

/** A whole picture: white ground, title, and the description for screen readers. */
export function picture({ title, description }: Caption, height: number, content: string): string {
  const head =
    element('title', { id: 't' }, escapeXml(title)) + element('desc', { id: 'd' }, escapeXml(description));
  const ground = element('rect', { width: WIDTH, height, fill: '#ffffff' });
  const heading = text(16, 26, title, { 'font-size': 16, 'font-weight': 600 });
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${WIDTH} ${height}`,
    role: 'img',
    'aria-labelledby': 't d',
    'font-family': FONT,
  };
  return `${element('svg', attributes, head + ground + heading + content).replaceAll('><', '>\n<')}\n`;
}
