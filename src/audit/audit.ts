/**
 * Audit events from a program in Node: a spool on disk, from which they reach a log at least and at most once, and middleware for
 * web frameworks. What is not named here may change without notice.
 * @module
 */
export {
  type Audit,
  type AuditEntry,
  type AuditOptions,
  type AuditStatus,
  createAudit,
  type NewEvent,
} from './create-audit.ts';
export { expressAudit, type NodeMiddleware } from './express.ts';
export { fastifyAudit, type ReplyOfFastify } from './fastify.ts';
export { honoAudit } from './hono.ts';
export type { RequestAuditOptions, RequestEvent } from './request-event.ts';
export type { LoggedEvent } from './sender.ts';
