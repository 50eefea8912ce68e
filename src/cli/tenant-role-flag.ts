import * as Flags from '@oclif/core/flags';

/** Of a member; one of the contract's, which is not loaded for the flags alone. */
export const tenantRole = Flags.option({
  options: ['tenant_admin', 'editor', 'viewer'] as const,
  required: true,
  description: 'What the member may do.',
})();
