import type { RaisedAlert } from './alert.ts';

/** Somewhere alerts go. */
export interface Sink {
  /** `[a-z0-9-]`, at most 32; its queue on disk is named by it. */
  readonly name: string;
  /** Whether it is to be told, too, that an alert is over. */
  readonly takesEnds?: true;
  /**
   * Resolves once the other side has taken the alert. May be called again with one that it has taken: the id is the same.
   * @throws whatever kept it from arriving; it is tried again
   */
  deliver(alert: RaisedAlert, signal: AbortSignal): Promise<void>;
}
