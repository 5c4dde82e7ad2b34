import { Hono } from 'hono';
import { TlogError } from '../core/error.ts';
import { isOwnFault, problemResponse } from './problem.ts';
import { checkPlainPath, rawPath } from './raw-path.ts';

/** What the interface of a witness or monitor is made with beside its own routes. */
export interface PartyAppParts {
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** Its own routes. */
  readonly routes: (app: Hono) => void;
  /** The methods of each of those, as the Allow header has them. */
  readonly methods: Readonly<Record<string, string>>;
  /** Gets what was answered with 500. */
  readonly onBug: ((thrown: unknown) => void) | undefined;
}

/** Methods of a route that is read. */
export const READ = 'GET, HEAD';
const PROBES: Readonly<Record<string, string>> = { '/healthz': READ, '/readyz': READ, '/metrics': READ };

/** The interface of a party beside the log server: its routes, probes and metrics; whatever is refused is problem+json. */
export function createPartyApp({ metrics, routes, methods, onBug }: PartyAppParts): Hono {
  const app = new Hono();
  const refused = (thrown: unknown): Response => {
    if (isOwnFault(thrown)) onBug?.(thrown);
    return problemResponse(thrown);
  };
  app.use((c, next) => {
    checkPlainPath(rawPath(c));
    return next();
  });
  app.onError(refused);
  app.notFound(() => refused(new TlogError('not_found', 'there is no such route')));
  routes(app);
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', (c) => c.json({ status: 'ready' }));
  app.get('/metrics', async () => {
    return new Response(await metrics.text(), { headers: { 'Content-Type': metrics.contentType } });
  });
  for (const [path, allow] of Object.entries({ ...methods, ...PROBES })) {
    app.all(path, () => {
      throw new TlogError('method_not_allowed', `use ${allow}`, { details: { allow } });
    });
  }
  return app;
}
