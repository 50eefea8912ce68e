/** An account for people: a user's name as it is; of `credential:ID` the id of the key. */
export function accountText(account: string): string {
  return account.replace(/^credential:/, 'API key ');
}
