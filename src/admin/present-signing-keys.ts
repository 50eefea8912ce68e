import type { SigningKey } from '../api/contract/signing-keys.ts';
import { fieldsNamed, type View } from '../output/view.ts';

export const SIGNING_KEYS: View<SigningKey> = {
  fields: fieldsNamed('id', 'status', 'algorithm', 'created_at', 'activated_at', 'retired_at'),
  columns: [
    { key: 'id', title: 'KEY' },
    { key: 'status', title: 'STATUS' },
    { key: 'created_at', title: 'CREATED' },
    { key: 'activated_at', title: 'SIGNS SINCE' },
    { key: 'retired_at', title: 'RETIRED' },
  ],
  empty: 'There are no keys.',
};

export function presentRotation(rotation: {
  signing_keys: readonly SigningKey[];
  compromised: boolean;
}): string {
  const active = rotation.signing_keys.find(({ status }) => status === 'active');
  const signs = `Access tokens are signed with ${active?.id ?? 'no key'} from now on.`;
  return rotation.compromised
    ? `${signs}\nWhat the old key signed is refused; clients renew their tokens by themselves.`
    : `${signs}\nThe old key is accepted for another 15 minutes.`;
}
