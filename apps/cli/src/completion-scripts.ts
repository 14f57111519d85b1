/** What a shell runs to learn what can follow; it asks the program itself, so that nothing is written down twice. */

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A line that says: file names may stand here. */
export const FILES = ":files";

export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# outrider completion for bash: source <(outrider completion bash)
_outrider() {
  local IFS=$'\\n' found line
  # The shell cuts words at = and :, a node set must stay whole.
  local text="\${COMP_LINE:0:COMP_POINT}" current
  local -a words
  IFS=' ' read -r -a words <<< "$text"
  [[ "$text" == *' ' ]] && words+=("")
  current="\${words[-1]}"
  found="$(outrider __complete -- "\${words[@]:1}" 2>/dev/null)"
  COMPREPLY=()
  if [[ "$found" == "${FILES}" ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  # What stands before the last break is in the line already.
  local head="\${current%"\${current##*[=:]}"}"
  while read -r line; do
    [[ -n "$line" && "$line" == "$current"* ]] && COMPREPLY+=("\${line#"$head"}")
  done <<< "$found"
  [[ \${#COMPREPLY[@]} -eq 1 && "\${COMPREPLY[0]}" == *, ]] && compopt -o nospace 2>/dev/null
}
complete -F _outrider outrider`,
  zsh: `#compdef outrider
# outrider completion for zsh: source <(outrider completion zsh)
_outrider() {
  local found
  local -a lines
  found="$(outrider __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"
  if [[ "$found" == "${FILES}" ]]; then
    _files
    return
  fi
  lines=("\${(@f)found}")
  compadd -Q -- \${lines:#}
}
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
compdef _outrider outrider`,
  fish: `# outrider completion for fish: outrider completion fish | source
function __outrider_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (outrider __complete -- $words[2..-1] 2>/dev/null)
    if test "$found" = "${FILES}"
        __fish_complete_path (commandline -ct)
    else
        string join \\n $found
    end
end
complete -c outrider -f -a '(__outrider_complete)'`,
};
