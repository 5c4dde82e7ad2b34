import { TlogError } from '../core/error.ts';
import { createCosigner } from '../keys/cosigner.ts';
import { readKeyFile } from '../keys/key-file.ts';
import type { Clock } from '../runtime/clock.ts';
import { systemClock } from '../runtime/clock.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { FileGuard } from '../store/file-guard.ts';
import { nodeGuardFiles } from '../store/guard-files.ts';
import { LevelStore } from '../store/level-store.ts';
import { Witness, type WitnessDeps } from './running-witness.ts';
import { keepAlert, type WitnessAlert } from './witness-alert.ts';
import {
  guardFolder,
  readWitnessManifest,
  type WitnessDirectory,
  witnessPaths,
} from './witness-directory.ts';
import { isAbove } from './witness-record.ts';

/** Requests a second for one log. A log asks once a second at most, unless its operator says otherwise. */
export const LOG_RATE = 10;

/** How a witness runs. */
export interface WitnessOptions {
  readonly dir: WitnessDirectory;
  readonly clock?: Clock;
  /** Requests a second for one log, ten seconds' worth at once; 0 has no limit. Default 10. */
  readonly logRate?: number;
  /**
   * Gets what a person has to look at, once `file` holds it; undefined when twenty of its kind are kept of the log already, or it could
   * not be written. What it gives back is awaited before the log gets its answer. It must not reject.
   */
  readonly onAlert?: (alert: WitnessAlert, file: string | undefined) => unknown;
  /** Gets what kept an alert from its file, before `onAlert` gets the alert: its evidence is nowhere else. */
  readonly onUnkept?: (cause: unknown, alert: WitnessAlert) => void;
  /** Gets a list of logs that cannot be read; the one before stays. */
  readonly onBadList?: (error: TlogError) => void;
}

/**
 * Opens a witness in the folders that `createWitness` has made. Whoever opens it closes it.
 * @throws TlogError no_data, schema_unsupported, key_file_exposed, key_mismatch, data_damaged, data_locked, invalid_config,
 * guard_superseded, not_writable
 */
export async function openWitness(options: WitnessOptions): Promise<Witness> {
  const deps = await witnessOnFiles(options);
  try {
    return await Witness.start(deps);
  } catch (error) {
    await deps.store.close();
    throw error;
  }
}

/** What a witness on files is made of; its store is open. @throws as openWitness */
export async function witnessOnFiles(options: WitnessOptions): Promise<WitnessDeps> {
  const { dir, clock = systemClock, logRate = LOG_RATE, onAlert, onUnkept } = options;
  const { onBadList = () => undefined } = options;
  const paths = witnessPaths(dir);
  const manifest = await readWitnessManifest(dir);
  const cosigner = createCosigner(await readKeyFile(paths.key));
  if (cosigner.vkey !== manifest.vkey)
    throw new TlogError('key_mismatch', `${paths.key} is not the key of ${manifest.name}: put it back`);
  const store = new CheckedStore(await LevelStore.open(paths.db));
  // Nothing here can be told from the rows alone: each origin is checked against its guard, and refused by itself.
  await store.accept();
  return {
    ...{ clock, store, cosigner, logRate, onBadList },
    logList: paths.logs,
    takeGuard: (origin) => FileGuard.takeOver(guardFolder(dir, origin), nodeGuardFiles, isAbove),
    alert: async (alert) => {
      // A disk that is full silences nobody.
      const file = await keepAlert(paths.alerts, alert, clock.nowMs()).catch((cause: unknown) => {
        onUnkept?.(cause, alert);
        return undefined;
      });
      await onAlert?.(alert, file);
    },
  };
}
