/** What an event of Windows is called. */
export interface WindowsAction {
  readonly action: string;
  readonly kind: string;
  readonly operation: string;
}

const rows = (kind: string, list: readonly (readonly [number, string, string])[]) =>
  list.map(([id, action, operation]): [number, WindowsAction] => [id, { action, kind, operation }]);

/** Events of Microsoft-Windows-Security-Auditing, by EventID. */
export const SECURITY_ACTIONS: ReadonlyMap<number, WindowsAction> = new Map([
  ...rows('authentication', [
    [4624, 'user.login', 'login'],
    [4625, 'user.login', 'login'],
    [4634, 'user.logout', 'logout'],
    [4647, 'user.logout', 'logout'],
    [4648, 'user.login_as', 'login'],
    [4768, 'kerberos.ticket_granting', 'login'],
    [4769, 'kerberos.ticket', 'login'],
    [4771, 'kerberos.preauthentication', 'login'],
    [4776, 'ntlm.authenticate', 'login'],
    [4800, 'workstation.lock', 'other'],
    [4801, 'workstation.unlock', 'login'],
  ]),
  ...rows('authorization', [
    [4627, 'session.groups', 'grant'],
    [4672, 'session.privileges', 'grant'],
    [4673, 'privilege.use', 'execute'],
    [4674, 'privilege.use_on_object', 'execute'],
    [4703, 'token.adjust', 'update'],
    [4704, 'right.grant', 'grant'],
    [4705, 'right.revoke', 'revoke'],
    [4670, 'object.permissions', 'update'],
  ]),
  ...rows('account', [
    [4720, 'user.create', 'create'],
    [4722, 'user.enable', 'update'],
    [4723, 'user.change_password', 'update'],
    [4724, 'user.reset_password', 'update'],
    [4725, 'user.disable', 'update'],
    [4726, 'user.delete', 'delete'],
    [4728, 'group.add_member', 'grant'],
    [4729, 'group.remove_member', 'revoke'],
    [4732, 'group.add_member', 'grant'],
    [4733, 'group.remove_member', 'revoke'],
    [4738, 'user.update', 'update'],
    [4740, 'user.lock', 'update'],
    [4756, 'group.add_member', 'grant'],
    [4757, 'group.remove_member', 'revoke'],
    [4767, 'user.unlock', 'update'],
    [4798, 'user.read_groups', 'read'],
    [4799, 'group.read_members', 'read'],
  ]),
  ...rows('resource', [
    [4656, 'handle.open', 'read'],
    [4657, 'registry.set_value', 'update'],
    [4658, 'handle.close', 'other'],
    [4660, 'object.delete', 'delete'],
    [4663, 'object.access', 'execute'],
    [4690, 'handle.duplicate', 'other'],
    [5140, 'share.access', 'read'],
    [5145, 'share.access_file', 'read'],
  ]),
  ...rows('system', [
    [1102, 'log.clear', 'delete'],
    [4608, 'system.start', 'execute'],
    [4688, 'process.create', 'execute'],
    [4689, 'process.exit', 'other'],
    [4697, 'service.install', 'create'],
    [4698, 'task.create', 'create'],
    [4699, 'task.delete', 'delete'],
    [4702, 'task.update', 'update'],
    [5154, 'port.listen', 'other'],
    [5156, 'connection.permit', 'other'],
    [5157, 'connection.block', 'other'],
    [5158, 'port.bind', 'other'],
  ]),
  ...rows('config', [
    [4719, 'audit_policy.update', 'update'],
    [4739, 'domain_policy.update', 'update'],
    [4945, 'firewall_rule.list', 'read'],
    [4946, 'firewall_rule.create', 'create'],
    [4947, 'firewall_rule.update', 'update'],
    [4948, 'firewall_rule.delete', 'delete'],
    [5441, 'firewall_filter.list', 'read'],
    [5446, 'firewall_callout.update', 'update'],
    [5447, 'firewall_filter.update', 'update'],
  ]),
]);

/** Events of Microsoft-Windows-Sysmon, by EventID. */
export const SYSMON_ACTIONS: ReadonlyMap<number, WindowsAction> = new Map([
  ...rows('system', [
    [1, 'process.create', 'execute'],
    [3, 'connection.open', 'other'],
    [4, 'sysmon.state', 'other'],
    [5, 'process.exit', 'other'],
    [6, 'driver.load', 'execute'],
    [7, 'image.load', 'execute'],
    [8, 'thread.create_remote', 'execute'],
    [10, 'process.access', 'read'],
    [17, 'pipe.create', 'create'],
    [18, 'pipe.connect', 'other'],
    [22, 'dns.query', 'read'],
    [25, 'process.tamper', 'update'],
  ]),
  ...rows('resource', [
    [2, 'file.change_time', 'update'],
    [9, 'disk.read_raw', 'read'],
    [11, 'file.create', 'create'],
    [12, 'registry.change_key', 'update'],
    [13, 'registry.set_value', 'update'],
    [14, 'registry.rename', 'update'],
    [15, 'file.create_stream', 'create'],
    [23, 'file.delete', 'delete'],
    [26, 'file.delete', 'delete'],
  ]),
  ...rows('config', [[16, 'sysmon.configure', 'update']]),
]);
