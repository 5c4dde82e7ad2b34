/**
 * A witness to embed (c2sp.org/tlog-witness): give the body of POST add-checkpoint to `addCheckpoint` and answer with what
 * comes back; Node only. What is not named here may change without notice.
 * @module
 */
export { LOG_RATE, openWitness, type WitnessOptions } from './open-witness.ts';
export type { Witness, WitnessedLogStatus } from './running-witness.ts';
export type { WitnessAlert } from './witness-alert.ts';
export { addLog, createWitness, type WitnessDirectory } from './witness-directory.ts';
export { originHash } from './witness-record.ts';
export type { CosignOutcome } from './witnessed-log.ts';
