import type { TreeHasher } from '../core/merkle/hasher.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import type { Slices } from '../runtime/slices.ts';
import type { Damage } from '../sequencer/finding.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { LETTER } from '../store/rows.ts';
import { type CheckDeps, checkBundle, checkIndexRows, type IndexCheck } from './check-bundle.ts';
import { checkEdge, checkMemory, checkState } from './check-edge.ts';
import { EventCheck } from './check-events.ts';
import { gapDamages, missingHeads } from './check-links.ts';
import { checkEventRetryPage, checkHeadPage, checkIndexPage, checkRetryPage } from './check-pages.ts';
import { PAGE_ROWS, type PageRow, RowReader } from './row-reader.ts';
import { scrubSlices } from './slices.ts';
import { VerifiedTiles } from './verified-tiles.ts';

/** Parts of a pass, in their order; the last three find nothing but in a log of events. */
export const PHASES = [
  'tiles',
  'bundles',
  'edge',
  'heads',
  'leaf-hashes',
  'retries',
  'events',
  'event-ids',
  'event-retries',
] as const;

/** One of the parts of a pass. */
export type Phase = (typeof PHASES)[number];

/** Where a pass is: all that is needed to go on after a restart. */
export interface PassPosition {
  readonly startedAtMs: number;
  /** Size of the tree when it started; what came later is for the next pass. */
  readonly treeSize: number;
  readonly phase: Phase;
  /** The next tile or bundle, counted from 0. */
  readonly next: number;
  /** Key of the last row that was read, in hex, where rows are read by key. */
  readonly after?: string;
  /** Steps made so far. */
  readonly steps: number;
  readonly entriesChecked: number;
  readonly rowsChecked: number;
  readonly findings: number;
  /** Events whose secrets are not here: they are proven, and nothing of them can be opened. */
  readonly eventsUnavailable?: number;
}

/** What one step found, and where it leads. */
export interface Step {
  readonly damages: readonly Damage[];
  readonly next: PassPosition;
  /** Whether the pass is at its end. */
  readonly isLast: boolean;
}

/** The start of a pass over a tree. */
export function newPass(treeSize: number, startedAtMs: number): PassPosition {
  const counts = { steps: 0, entriesChecked: 0, rowsChecked: 0, findings: 0 };
  return { startedAtMs, treeSize, phase: 'tiles', next: 0, ...counts };
}

/** About how many steps a pass has: how many retry keys there are is not known, so one for each entry is supposed. */
export function stepsOf({ kind, leafHashIndex, duplicates }: StoredLog, treeSize: number): number {
  const bundles = Math.ceil(treeSize / TILE_WIDTH);
  // A log of events has a step for the events of a bundle, and a page of their ids.
  const pages = (leafHashIndex ? 1 : 0) + (duplicates === 'key' ? 1 : 0) + (kind === 'events' ? 2 : 0);
  return bundles * (1 + pages) + tileCount(treeSize) + PHASES.length;
}

/** Full tiles of level 1 and above. */
function tileCount(treeSize: number): number {
  let count = 0;
  for (let span = TILE_WIDTH ** 2; span <= treeSize; span *= TILE_WIDTH) count += Math.floor(treeSize / span);
  return count;
}

/** The tile with this number, counted from the highest level down: what is above is right before what is below is read. */
function tileAt(treeSize: number, number: number): { level: number; index: number } {
  const levels: number[] = [];
  for (let span = TILE_WIDTH ** 2; span <= treeSize; span *= TILE_WIDTH)
    levels.push(Math.floor(treeSize / span));
  let left = number;
  for (let level = levels.length; level > 0; level -= 1) {
    const count = levels[level - 1] ?? 0;
    if (left < count) return { level, index: left };
    left -= count;
  }
  throw new RangeError(`no tile number ${number} in a tree of size ${treeSize}`);
}

/** How a pass does its work, where that is not as it is done beside requests. */
export interface PassWays {
  readonly slices?: Slices;
  readonly rows?: RowReader;
  readonly checkIndex?: IndexCheck;
}

/** Reads a log again from its rows, one step after the other (spec SCRUB-1). */
export class LogPass {
  readonly #log: StoredLog;
  readonly #deps: CheckDeps;
  readonly #events: EventCheck | undefined;

  constructor(log: StoredLog, hasher: TreeHasher, ways: PassWays = {}) {
    const { slices = scrubSlices(), rows = new RowReader(log.stored) } = ways;
    const tiles = new VerifiedTiles(hasher, rows, () => log.tree().state.edge);
    const lookUp: IndexCheck = (start, hashes) => checkIndexRows({ rows, tiles }, start, hashes);
    const { checkIndex = lookUp } = ways;
    this.#log = log;
    this.#deps = { hasher, rows, tiles, slices, ...(log.leafHashIndex ? { checkIndex } : {}) };
    this.#events = log.events && new EventCheck(this.#deps, log, log.events);
  }

  /** One tile, one bundle, one page of rows, or the edge. Rejects with the disk's error when it does not answer. */
  async step(at: PassPosition): Promise<Step> {
    const step = await this.#step(at);
    // A log of entries is at its end where the parts of events begin.
    return this.#events === undefined && step.next.phase === 'events' ? { ...step, isLast: true } : step;
  }

  async #step(at: PassPosition): Promise<Step> {
    switch (at.phase) {
      case 'tiles':
        return this.#tile(at);
      case 'bundles':
        return this.#bundle(at);
      case 'edge':
        return this.#edge(at);
      case 'events':
        return this.#bundleOfEvents(at);
      default:
        return this.#page(at, at.phase);
    }
  }

  async #tile(at: PassPosition): Promise<Step> {
    if (at.next >= tileCount(at.treeSize)) return endPhase(at, []);
    const { level, index } = tileAt(at.treeSize, at.next);
    const { damage } = await this.#deps.tiles.check(level, index);
    return advance(at, damage === undefined ? [] : [damage], {
      next: at.next + 1,
      rowsChecked: at.rowsChecked + 1,
    });
  }

  async #bundle(at: PassPosition): Promise<Step> {
    if (at.next >= Math.floor(at.treeSize / TILE_WIDTH)) return endPhase(at, []);
    const damages = await checkBundle(this.#deps, at.next);
    const rowsChecked = at.rowsChecked + 2;
    return advance(at, damages, {
      next: at.next + 1,
      entriesChecked: at.entriesChecked + TILE_WIDTH,
      rowsChecked,
    });
  }

  async #edge(at: PassPosition): Promise<Step> {
    const [deps, log] = [this.#deps, this.#log];
    const { state } = log.tree();
    const damages = [
      ...checkMemory(deps, log),
      ...(await checkState(deps, log)),
      ...(await checkEdge(deps, log)),
    ];
    const open = Math.min(state.openEntries.length, at.treeSize % TILE_WIDTH);
    const counts = {
      entriesChecked: at.entriesChecked + open,
      rowsChecked: at.rowsChecked + state.edgeStarts.length + 1,
    };
    return endPhase(advance(at, damages, counts).next, damages);
  }

  async #bundleOfEvents(at: PassPosition): Promise<Step> {
    if (this.#events === undefined || at.next * TILE_WIDTH >= at.treeSize) return endPhase(at, []);
    const end = Math.min(at.treeSize, (at.next + 1) * TILE_WIDTH);
    const { damages, rows, unavailable } = await this.#events.check(at.next * TILE_WIDTH, end);
    const eventsUnavailable = (at.eventsUnavailable ?? 0) + unavailable;
    return advance(at, damages, {
      next: at.next + 1,
      rowsChecked: at.rowsChecked + rows,
      ...(eventsUnavailable === 0 ? {} : { eventsUnavailable }),
    });
  }

  async #page(at: PassPosition, phase: keyof typeof LETTER_OF_PHASE): Promise<Step> {
    const from = at.after === undefined ? undefined : Buffer.from(at.after, 'hex');
    // Before the page: what is kept since is not missed, and what was kept by now is in it.
    const { keptEnd } = this.#log.tree().state;
    const page = await this.#deps.rows.page(LETTER_OF_PHASE[phase], from, PAGE_ROWS);
    const gaps = phase === 'heads' ? missingHeads(page, from, page.length < PAGE_ROWS ? keptEnd : 0) : [];
    const damages = [...(await this.#checkPage(phase, page)), ...gapDamages(gaps)];
    const last = page.at(-1);
    const { next } = advance(at, damages, { rowsChecked: at.rowsChecked + page.length });
    if (last === undefined || page.length < PAGE_ROWS) return endPhase(next, damages);
    const after = Buffer.from(last.key).toString('hex');
    return { damages, next: { ...next, after }, isLast: false };
  }

  #checkPage(
    phase: keyof typeof LETTER_OF_PHASE,
    page: readonly PageRow[],
  ): Promise<readonly Damage[]> | readonly Damage[] {
    if (phase === 'heads') return checkHeadPage(this.#deps, this.#log, page);
    if (phase === 'retries') return checkRetryPage(this.#deps, this.#log, page);
    if (phase === 'event-ids') return this.#events?.checkIds(page) ?? [];
    if (phase === 'event-retries') return checkEventRetryPage(this.#log, page);
    return checkIndexPage(this.#log, page);
  }
}

const LETTER_OF_PHASE = {
  heads: LETTER.kept,
  'leaf-hashes': LETTER.leaf,
  retries: LETTER.retry,
  'event-ids': LETTER.eventId,
  'event-retries': LETTER.eventRetry,
} as const;

function advance(at: PassPosition, damages: readonly Damage[], to: Partial<PassPosition>): Step {
  const counts = { steps: at.steps + 1, findings: at.findings + damages.length };
  return { damages, next: { ...at, ...to, ...counts }, isLast: false };
}

/** Beyond a step that could not be made: the next tile or bundle, or the next part. */
export function skipStep(at: PassPosition, damage: Damage): Step {
  const isCounted = at.phase === 'tiles' || at.phase === 'bundles' || at.phase === 'events';
  const { next } = advance(at, [damage], {});
  return isCounted
    ? { damages: [damage], next: { ...next, next: at.next + 1 }, isLast: false }
    : endPhase(next, [damage]);
}

function endPhase({ after: _, ...at }: PassPosition, damages: readonly Damage[]): Step {
  const phase = PHASES[PHASES.indexOf(at.phase) + 1];
  return phase === undefined
    ? { damages, next: at, isLast: true }
    : { damages, next: { ...at, phase, next: 0 }, isLast: false };
}
