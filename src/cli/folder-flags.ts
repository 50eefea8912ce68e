import * as Flags from '@oclif/core/flags';

/** The flags of commands about a synced folder. */
export const folderFlags = {
  path: Flags.string({
    description: 'Synced folder, instead of the one from setup.',
    helpValue: 'DIR',
    env: 'CLOUD_PATH',
  }),
};

export const gitignoreFlag = {
  gitignore: Flags.boolean({
    allowNo: true,
    description: 'Leave out what .gitignore files name as well, besides .cloudignore files.',
    env: 'CLOUD_GITIGNORE',
  }),
};
