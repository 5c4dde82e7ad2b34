import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ended, ServerProcess } from '../support/server-process.ts';
import type { Campaign } from './campaign.ts';

/** Longest life of a zombie that was woken. */
const ZOMBIE_MS = 15_000;

/** What came of a writer that was stopped, replaced by a rival on a copy of its data, and woken up again. */
export interface ZombieResult {
  readonly zombie: Ended;
  /** The copy that the rival worked on, to be the next one's data. */
  readonly data: string;
}

/**
 * Stops a server under load, starts a rival on a copy that shares the guard, lets it write, and wakes the first one
 * while its clients still wait. All that either of them ever said goes into the journal of the campaign.
 */
export async function wakeZombie(campaign: Campaign, round: number, data: string): Promise<ZombieResult> {
  const first = await campaign.serve(data);
  const firstLoad = campaign.load(first, 'light');
  await campaign.moreAcks(300 + 37 * round, first);
  first.kill('SIGSTOP');
  const copy = `copy-${round}`;
  await cp(join(campaign.folder, data), join(campaign.folder, copy), { recursive: true });
  const rival = await campaign.serve(copy);
  const stop = new AbortController();
  const rivalLoad = campaign.load(rival, 'light', stop.signal);
  await campaign.moreAcks(300, rival);
  first.kill('SIGCONT');
  const zombie = await watch(campaign, first);
  await firstLoad;
  stop.abort();
  await rivalLoad;
  await campaign.compare(rival);
  rival.kill('SIGTERM');
  await rival.ended;
  return { zombie, data: copy };
}

/** Reads the heads that a server shows until it is gone; one that does not end by itself is killed. */
async function watch(campaign: Campaign, server: ServerProcess): Promise<Ended> {
  let ended: Ended | undefined;
  void server.ended.then((how) => {
    ended = how;
  });
  const timer = setTimeout(() => server.kill('SIGKILL'), ZOMBIE_MS);
  while (ended === undefined) await campaign.seeHead(server).catch(() => undefined);
  clearTimeout(timer);
  return ended;
}
