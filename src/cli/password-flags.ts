import * as Flags from '@oclif/core/flags';

/** How the password of somebody else is given: never as a flag's value. */
export const passwordFlags = {
  'password-stdin': Flags.boolean({ description: 'Read the password from standard input.' }),
  'ask-password': Flags.boolean({
    description: 'Ask for the password on the terminal.',
    exclusive: ['password-stdin'],
  }),
};
