import type { FuzzServer } from './fuzz-server.ts';
import { judge } from './judge.ts';
import { RawClient } from './raw-client.ts';
import { ROUTES, requestsFor } from './requests.ts';
import { type Target, target } from './target.ts';

/** Every route of a server, fuzzed over one connection that lives as long as the server does. */
export function routeTargets(server: FuzzServer): Target[] {
  const client = new RawClient(server.port);
  return ROUTES.map((row) =>
    target(row.name, requestsFor(row), async (request) => judge(server, request, await client.send(request))),
  );
}
