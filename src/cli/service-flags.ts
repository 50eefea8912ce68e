import * as Flags from '@oclif/core/flags';

export const startFlag = {
  start: Flags.boolean({
    allowNo: true,
    default: true,
    description: 'Start it now, and not only at the next login.',
  }),
};

export const logFlags = {
  limit: Flags.integer({
    char: 'n',
    description: 'Show so many lines at most.',
    helpValue: 'NUMBER',
    min: 0,
    default: 100,
  }),
  follow: Flags.boolean({ char: 'f', description: 'Go on with what comes from now on.' }),
};
