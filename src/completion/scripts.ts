/** The shells that can be completed in. */
export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * What a shell has to read so that it asks `cloud complete` for what can be typed. Each answer is a
 * line with a value, a tab and its description; a first line `:files` or `:folders` leaves it to
 * the shell.
 */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell].trimStart();
}

/** How to switch it on, for people. */
export function howToInstall(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return 'cloud completion bash > ~/.local/share/bash-completion/completions/cloud';
    case 'zsh':
      return 'cloud completion zsh > "${fpath[1]}/_cloud"';
    case 'fish':
      return 'cloud completion fish > ~/.config/fish/completions/cloud.fish';
    case 'powershell':
      return 'cloud completion powershell >> $PROFILE';
  }
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  // bash 3.2 (macOS) has no mapfile and no compopt.
  bash: `
# Completion of cloud for bash.
_cloud() {
  local line current=\${COMP_WORDS[COMP_CWORD]} kind=words
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  # bash takes = for a word of its own: --flag = value.
  if [[ $current == = ]]; then
    current=
    words=("\${COMP_WORDS[@]:1:COMP_CWORD-2}" "\${COMP_WORDS[COMP_CWORD-1]}=")
  elif ((COMP_CWORD > 1)) && [[ \${COMP_WORDS[COMP_CWORD-1]} == = ]]; then
    words=("\${COMP_WORDS[@]:1:COMP_CWORD-3}" "\${COMP_WORDS[COMP_CWORD-2]}=$current")
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) kind=files ;;
      :folders) kind=folders ;;
      *)
        line=\${line%%$'\\t'*}
        [[ $line == --*=* && $current != --* ]] && line=\${line#*=}
        COMPREPLY+=("$(printf '%q' "$line")")
        ;;
    esac
  done < <(cloud complete -- "\${words[@]}" 2>/dev/null)
  if [[ $kind == files ]]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    type compopt &>/dev/null && compopt -o filenames
  elif [[ $kind == folders ]]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$current")
    type compopt &>/dev/null && compopt -o filenames
  fi
}
complete -F _cloud cloud
`,
  zsh: `
#compdef cloud
# Completion of cloud for zsh.
_cloud() {
  local line kind=words value
  local -a candidates
  while IFS= read -r line; do
    case $line in
      :files) kind=files ;;
      :folders) kind=folders ;;
      *)
        value=\${line%%$'\\t'*}
        value=\${value//:/\\\\:}
        if [[ $line == *$'\\t'* ]]; then
          candidates+=("$value:\${line#*$'\\t'}")
        else
          candidates+=("$value")
        fi
        ;;
    esac
  done < <(cloud complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  case $kind in
    # Of --path=~/not the part behind the = is what names something.
    files) compset -P '--*='; _files ;;
    folders) compset -P '--*='; _files -/ ;;
    *) _describe 'cloud' candidates ;;
  esac
}
if [[ $funcstack[1] == _cloud ]]; then
  _cloud "$@"
else
  compdef _cloud cloud
fi
`,
  fish: `
# Completion of cloud for fish.
function __cloud_complete
    set -l words (commandline -opc)[2..] (commandline -ct)
    set -l lines (cloud complete -- $words 2>/dev/null)
    switch "$lines[1]"
        case :files
            __fish_complete_path (commandline -ct)
        case :folders
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\\n' $lines
    end
end
complete -c cloud -f -a '(__cloud_complete)'
`,
  powershell: `
# Completion of cloud for PowerShell.
Register-ArgumentCompleter -Native -CommandName cloud -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements |
    Where-Object { $_.Extent.EndOffset -le $cursorPosition } |
    Select-Object -Skip 1 | ForEach-Object { "$_" })
  if ($wordToComplete -eq '') { $words += '""' }
  $lines = @(cloud complete -- @words 2>$null)
  if ($lines.Count -gt 0 -and $lines[0] -in ':files', ':folders') { return }
  foreach ($line in $lines) {
    $value, $description = $line -split "\`t", 2
    if (-not $description) { $description = $value }
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
  }
}
`,
};
