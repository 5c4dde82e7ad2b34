import type { TreeHasher } from '../../src/core/merkle/hasher.ts';
import type { NoteSigner } from '../../src/core/note/verifier.ts';
import type { EventKeeping } from '../../src/events/event-files.ts';
import { IdHasher } from '../../src/events/event-keys.ts';
import { SeedFile } from '../../src/events/seed-file.ts';
import type { OpenSlotFile } from '../../src/events/slot-file.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import type { Random as SecretRandom } from '../../src/runtime/random.ts';
import type { ProgressFile, ScrubProgress } from '../../src/scrub/progress-file.ts';
import { Scrubber } from '../../src/scrub/scrubber.ts';
import type { Finding } from '../../src/sequencer/finding.ts';
import type { FindingFile, KeptFindings } from '../../src/sequencer/finding-file.ts';
import type { SignedHead } from '../../src/sequencer/log.ts';
import type { LogManifest } from '../../src/sequencer/manifest.ts';
import type { QueueLimits } from '../../src/sequencer/pending-queue.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { type CheckLimits, type StartDeps, startLog } from '../../src/sequencer/start-log.ts';
import type { StoredLog } from '../../src/sequencer/stored-log.ts';
import { FileGuard, readFileGuard } from '../../src/store/file-guard.ts';
import type { Guard } from '../../src/store/guard.ts';
import type { GuardFiles } from '../../src/store/guard-files.ts';
import { type LevelEngine, LevelStore } from '../../src/store/level-store.ts';
import type { Store } from '../../src/store/store.ts';
import type { Disk } from './disk.ts';
import { Engine } from './engine.ts';
import type { GuardDisk } from './guard-disk.ts';
import { hasherOf } from './hasher.ts';
import { type Machine, osError, Process } from './process.ts';
import type { Random } from './random.ts';

/** A turn of the event loop. */
const TURN_MS = 0.02;
const SLOW_MS = 400;
/** A Sunday, 400 ms before a full minute. */
const EPOCH_MS = 1_767_225_599_600;
/** So few that most commits make some. */
const SEEDS_AHEAD = 6;
const ID_SECRET = new Uint8Array(32).fill(7);
const VOLUME_BYTES = 2 ** 40;
const GUARD_FOLDER = '/guard/main';

/** Where bugs are planted: each may put something else in the place of a part. */
export interface Seams {
  readonly engine?: (engine: LevelEngine, server: Server) => LevelEngine;
  readonly store?: (store: Store, server: Server) => Store;
  readonly files?: (files: GuardFiles, server: Server) => GuardFiles;
  readonly guard?: (guard: Guard, server: Server) => Guard;
  readonly signer?: (signer: NoteSigner, server: Server) => NoteSigner;
  readonly hasher?: (hasher: TreeHasher, server: Server) => TreeHasher;
  readonly slots?: (open: OpenSlotFile, server: Server) => OpenSlotFile;
  readonly secrets?: (random: SecretRandom, server: Server) => SecretRandom;
  readonly keeping?: (keeping: EventKeeping, server: Server) => EventKeeping;
  readonly scrubbed?: (log: StoredLog, server: Server) => StoredLog;
}

/** What all servers of a world share. */
export interface Site {
  readonly machine: Machine;
  readonly manifest: LogManifest;
  readonly guardDisk: GuardDisk;
  readonly queue: QueueLimits;
  /** Draws seeds, nonces, ids and names of files. */
  readonly secrets: Random;
  readonly check: CheckLimits;
  /** From one scrubbing pass to the next; undefined: nothing is scrubbed. */
  readonly scrubMs: number | undefined;
  readonly seams: Seams;
  /** Milliseconds that wall clocks are wrong by. */
  wallErrorMs: number;
  /** Largest size that anybody could read. */
  publishedSize(): number;
  onSignature(server: Server, text: string, signature: string): void;
  /** The scrubber had to wait, or could not keep its progress. */
  onTrouble(server: Server, error: unknown): void;
}

/** One run of the production log on models of its disk and its guard's disk. */
export class Server {
  readonly name: string;
  readonly process: Process;
  readonly disk: Disk;
  readonly site: Site;
  engine: Engine | undefined;
  log: RunningLog | undefined;
  /** The head seen last by those who read from outside. */
  seen: SignedHead | undefined;
  /** Another process ran on the same guard at some time of its life. */
  hadRival = false;
  /** What `start` came to. */
  opened: Promise<RunningLog> | undefined;
  /** It signed a state that an earlier process had left. */
  signedAtStart = false;
  /** What was readable when it began to take the guard over: it must show that at least. */
  sizeToShow = 0;
  /** Somebody was told that its data are damaged. */
  isDamaged = false;
  scrubber: Scrubber | undefined;
  /** When it ran, by its own clock. */
  startedAtMs = 0;
  /** Findings of earlier processes that it starts with. */
  findingsAtStart = 0;
  /** For each finding that the operator was told of, why it is in no file. */
  readonly told: unknown[] = [];
  /** Findings that the world has heard of. */
  findingsSeen = 0;
  /** Once damage is found, the size that the commit under way leads to: nothing beyond it is signed. */
  sizeMax: number | undefined;
  /** It is being stopped in good order. */
  stopping = false;
  readonly #key: NoteSigner;
  readonly #files: GuardFiles;

  constructor(name: string, site: Site, disk: Disk, key: NoteSigner) {
    this.name = name;
    this.site = site;
    this.disk = disk;
    this.#key = key;
    this.process = new Process(name, site.machine);
    const files = site.guardDisk.files(this.process);
    this.#files = site.seams.files?.(files, this) ?? files;
  }

  /** Starts the log; resolves when it runs, rejects when it refuses. */
  async start(): Promise<RunningLog> {
    const { queue, check } = this.site;
    const onFinding = (_: Finding, unkept: unknown): void => {
      this.told.push(unkept);
    };
    const log = await startLog(this.#deps(), { queue, check, onFinding });
    this.log = log;
    this.startedAtMs = this.nowMs();
    this.scrubber = this.#scrub(log);
    return log;
  }

  /** Stops in good order: the scrubber before what it reads. */
  async close(): Promise<void> {
    await this.scrubber?.close();
    await this.log?.close();
  }

  /** Milliseconds since 1970, by its own clock. */
  nowMs(): number {
    const { machine, wallErrorMs } = this.site;
    return EPOCH_MS + Math.floor(machine.scheduler.nowMs) + wallErrorMs;
  }

  #scrub(log: RunningLog): Scrubber | undefined {
    const { scrubMs: periodMs, seams, onTrouble } = this.site;
    if (periodMs === undefined) return undefined;
    const stored = log.stored();
    return Scrubber.start({
      log: seams.scrubbed?.(stored, this) ?? stored,
      hasher: hasherOf(this.process, 'scrub-hash-flip'),
      clock: this.#clock(),
      file: this.#progress(),
      periodMs,
      onTrouble: (error) => onTrouble(this, error),
    });
  }

  /** The size that the guard shows to this process. */
  readGuard(): ReturnType<typeof readFileGuard> {
    return readFileGuard(GUARD_FOLDER, this.#files);
  }

  #deps(): StartDeps {
    const { seams, manifest } = this.site;
    const signer = this.#signer();
    const hasher = hasherOf(this.process);
    return {
      manifest,
      signer: seams.signer?.(signer, this) ?? signer,
      clock: this.#clock(),
      hasher: seams.hasher?.(hasher, this) ?? hasher,
      readGuard: () => this.readGuard(),
      openStore: () => this.#openStore(),
      takeOverGuard: async () => {
        this.sizeToShow = this.site.publishedSize();
        const guard = await FileGuard.takeOver(GUARD_FOLDER, this.#files);
        return seams.guard?.(guard, this) ?? guard;
      },
      bytesOnDisk: async () => 0,
      findings: this.#findings(),
      openEvents: (size) => this.#openEvents(size),
      diskSpace: () => ({ freeBytes: this.disk.low ? 0 : VOLUME_BYTES / 2, totalBytes: VOLUME_BYTES }),
    };
  }

  async #openEvents(size: number): Promise<EventKeeping> {
    const { seams, secrets } = this.site;
    const { events } = this.disk;
    const open = events.opener(this.process);
    const drawn: SecretRandom = (count) => secrets.bytes(count);
    const random = seams.secrets?.(drawn, this) ?? drawn;
    const openWith = seams.slots?.(open, this) ?? open;
    const seeds = await SeedFile.open('seeds', size, random, { openWith, ahead: SEEDS_AHEAD });
    const keeping = { seeds, blobs: events.blobs(this.process), ids: new IdHasher(ID_SECRET), random };
    return seams.keeping?.(keeping, this) ?? keeping;
  }

  async #openStore(): Promise<Store> {
    const { seams } = this.site;
    const store = await LevelStore.open('db', (_, mode) => {
      const engine = new Engine(this.process, this.disk, mode);
      this.engine = engine;
      return seams.engine?.(engine, this) ?? engine;
    });
    return seams.store?.(store, this) ?? store;
  }

  #findings(): FindingFile {
    const { disk, process } = this;
    const write = (kept: KeptFindings) => (): void => {
      disk.findings = kept;
    };
    const read = (): KeptFindings => {
      if (disk.findings.findings.length > 0) this.sizeMax = 0;
      return disk.findings;
    };
    return {
      read: () => process.call('findings read', [], read),
      write: (kept) => {
        // Not taken by the process: what it finds is judged as before.
        const fails = process.machine.faults.take('findings-write-error');
        return process.call('findings write', fails ? [] : [write(kept)], () => {
          if (fails) throw osError('EIO', 'damage.json');
        });
      },
    };
  }

  #progress(): ProgressFile {
    const { disk, process } = this;
    const { faults } = process.machine;
    const write = (progress: ScrubProgress): void => {
      if (disk.full) throw osError('ENOSPC', 'scrub.json');
      if (progress.pass === undefined && progress.lastPass !== disk.progress.lastPass)
        faults.hit('scrub-pass');
      disk.progress = progress;
    };
    const read = (): ScrubProgress => {
      if (disk.progress.pass !== undefined) faults.hit('scrub-resumed');
      return disk.progress;
    };
    return {
      read: () => process.call('progress read', [], read),
      write: (progress) => process.call('progress write', [], () => write(progress)),
    };
  }

  #clock(): Clock {
    const { scheduler } = this.site.machine;
    return {
      nowMs: () => this.nowMs(),
      monotonicMs: () => scheduler.nowMs,
      nextTurn: () => this.process.call('turn', [], () => undefined, { ms: TURN_MS }),
      sleep: (ms, signal) => {
        const asleep = this.process.call('sleep', [], () => undefined, { extraMs: ms, ms: 0 });
        return signal === undefined ? asleep : unlessAborted(asleep, signal);
      },
    };
  }

  #signer(): NoteSigner {
    const { process } = this;
    const sign = async (text: Uint8Array): Promise<Uint8Array> => {
      const isBroken = process.takes('sign-error');
      const never = process.takes('sign-never');
      const extraMs = process.takes('sign-slow') ? SLOW_MS : 0;
      await process.call('sign', [], () => this.#beforeSigning(isBroken), { extraMs, never });
      this.signedAtStart ||= this.log === undefined;
      const signature = await this.#key.sign(text);
      this.site.onSignature(this, Buffer.from(text).toString(), Buffer.from(signature).toString('base64'));
      if (process.takes('sign-flip')) signature[9] = (signature[9] ?? 0) ^ 1;
      return signature;
    };
    return { ...this.#key, sign };
  }

  #beforeSigning(isBroken: boolean): void {
    if (!isBroken) return;
    this.process.doom('sign-error');
    throw osError('EIO', 'the signer does not answer');
  }
}

/** The same promise, done as soon as the signal aborts. */
function unlessAborted(done: Promise<undefined>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    else void done.then(end);
  });
}
