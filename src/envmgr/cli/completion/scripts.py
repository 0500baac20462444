"""Completion scripts for shells, and their installation."""

from __future__ import annotations

import os

from envmgr.cli.console import open_context, print_result
from envmgr.kit.errors import UsageError
from envmgr.kit.fs import read_bytes, write_in_place
from envmgr.kit.text_encoding import decode_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.kit.environment import Environment

BASH = r"""_envmgr() {
    local line=${COMP_LINE:0:COMP_POINT} current= mark part candidate
    local -a words
    read -ra words <<< "$line"
    if [[ $line != *[[:space:]] ]]; then
        current=${words[${#words[@]}-1]}
        unset "words[${#words[@]}-1]"
    fi
    part=$current  # readline replaces only what follows the last of these, an @ with what follows it
    for mark in : =; do
        if [[ $COMP_WORDBREAKS == *"$mark"* ]]; then part=${part##*"$mark"}; fi
    done
    if [[ $COMP_WORDBREAKS == *@* && $part == *@* ]]; then part="@${part##*@}"; fi
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        if [[ $candidate == :files ]]; then
            compopt -o default 2> /dev/null
        else
            COMPREPLY+=("${candidate#"${current%"$part"}"}")
        fi
    done < <(_ENVMGR_COMPLETE="=$current" envmgr "${words[@]:1}" 2> /dev/null)
}
complete -F _envmgr envmgr
"""

ZSH = r"""#compdef envmgr
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_envmgr() {
    local line value
    local -a found
    for line in "${(@f)$(_ENVMGR_COMPLETE="=${(Q)words[CURRENT]}" envmgr "${(@Q)words[2,CURRENT-1]}" 2> /dev/null)}"; do
        if [[ $line == :files ]]; then
            _files
            return
        fi
        value=${line%%$'\t'*}
        [[ -z $line ]] || found+=("${value//:/\\:}${${line#$value}/$'\t'/:}")
    done
    (( $#found )) && _describe -V envmgr found
}
if [[ $funcstack[1] == _envmgr ]]; then
    _envmgr "$@"
else
    compdef _envmgr envmgr
fi
"""

FISH = r"""function __envmgr_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (env _ENVMGR_COMPLETE="=$current" envmgr $words[2..-1] 2> /dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete --command envmgr --no-files --keep-order --arguments '(__envmgr_complete)'
"""

PWSH = r"""Register-ArgumentCompleter -Native -CommandName envmgr -ScriptBlock {
    param($word, $ast, $position)
    $words = @($ast.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { "$_" })
    $env:_ENVMGR_COMPLETE = "=$word"
    try {
        envmgr @words 2> $null | Where-Object { $_ -ne ':files' } | ForEach-Object {
            $value, $text = $_ -split "`t", 2
            if (-not $text) { $text = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $text)
        }
    } finally {
        Remove-Item Env:_ENVMGR_COMPLETE
    }
}
"""

ELVISH = r"""use str
set edit:completion:arg-completer[envmgr] = {|@words|
    tmp E:_ENVMGR_COMPLETE = '='$words[-1]
    var args = $words[1..-1]
    for line [(try { e:envmgr $@args 2> /dev/null | from-lines } catch { nop })] {
        if (eq $line :files) {
            edit:complete-filename $@words
        } else {
            var value @text = (str:split "\t" $line)
            edit:complex-candidate $value &display=(str:join '  ' [$value $@text])
        }
    }
}
"""

NU = r"""let envmgr_previous_completer = $env.config?.completions?.external?.completer?
$env.config.completions.external.completer = {|spans: list<string>|
    if ($spans | first) != "envmgr" {
        if $envmgr_previous_completer != null { do $envmgr_previous_completer $spans }
    } else {
        let words = $spans | skip 1 | drop 1
        let output = with-env { _ENVMGR_COMPLETE: $"=($spans | last)" } { do { ^envmgr ...$words } | complete }
        let lines = $output | get stdout | lines
        if ":files" not-in $lines {
            $lines | each {|line|
                let parts = $line | split row "\t"
                { value: $parts.0, description: ($parts | get 1? | default "") }
            }
        }
    }
}
"""

XONSH = r"""def __envmgr_completion():
    import subprocess

    from xonsh.built_ins import XSH
    from xonsh.completers.completer import add_one_completer
    from xonsh.completers.tools import RichCompletion, contextual_command_completer

    @contextual_command_completer
    def complete_envmgr(context):
        if not context.completing_command("envmgr"):
            return None
        words = [arg.value for arg in context.args[1:context.arg_index]]
        environment = {**XSH.env.detype(), "_ENVMGR_COMPLETE": f"={context.prefix}"}
        result = subprocess.run(["envmgr", *words], env=environment, capture_output=True, text=True)
        lines = result.stdout.splitlines()
        if ":files" in lines:
            return None
        pairs = [line.partition("\t") for line in lines]
        return {RichCompletion(value, description=text, append_space=True) for value, _, text in pairs}

    add_one_completer("envmgr", complete_envmgr, "start")


__envmgr_completion()
del __envmgr_completion
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH, "pwsh": PWSH, "elvish": ELVISH, "nu": NU, "xonsh": XONSH}
_EXTENSIONS = {"elvish": "elv", "nu": "nu", "xonsh": "xsh"}
"""The ends of the names of scripts, of shells whose start file that of activation is."""


def run_show(options: Options, args: Sequence[str]) -> int:
    """Print a shell's completion script."""
    shell = _shell(open_context(options).environment, args)
    script = SCRIPTS[shell]
    return print_result(
        options,
        "show-completion",
        lambda: {"shell": shell, "script": script},
        lambda _style, _width: script.rstrip("\n").split("\n"),
    )


def run_install(options: Options, args: Sequence[str]) -> int:
    """Write a shell's completion script, and add it to the shell's start file."""
    context = open_context(options)
    shell = _shell(context.environment, args)
    path, start_file = _script_paths(shell, context.environment, context.paths.data)
    write_in_place(path, SCRIPTS[shell])
    if start_file:
        _add_source_line(shell, start_file, path)
    message = f"completion installed for {shell}: {path}"
    suffix = f", sourced from {start_file}" if start_file else ""
    return print_result(
        options,
        "install-completion",
        lambda: {"shell": shell, "script": path, "start_file": start_file},
        lambda _style, _width: [f"{message}{suffix} (restart your shell)"],
    )


def _shell(environment: Environment, args: Sequence[str]) -> str:
    """Return the shell in the arguments, or the user's own."""
    names = ", ".join(SCRIPTS)
    if args:
        name = "pwsh" if args[0] == "powershell" else args[0]
        if name not in SCRIPTS:
            raise UsageError(f"unsupported shell {name}", f"use one of {names}")
        return name
    name = os.path.basename(environment.get("SHELL"))
    if name not in SCRIPTS:
        raise UsageError("cannot detect your shell", f"pass one of {names}: envmgr --show-completion zsh")
    return name


def _script_paths(shell: str, environment: Environment, data: str) -> tuple[str, str | None]:
    """Return the path of a shell's script, and the start file that must source it, if one must."""
    config = environment.get("XDG_CONFIG_HOME", os.path.join(environment.home, ".config"))
    if shell == "fish":
        return os.path.join(config, "fish", "completions", "envmgr.fish"), None
    if shell in _EXTENSIONS:
        from envmgr.shells.activation.activation_shell import SHELLS

        path = os.path.join(data, "completion", f"envmgr.{_EXTENSIONS[shell]}")
        return path, SHELLS[shell]().start_file(environment)
    path = os.path.join(data, "completion", f"envmgr.{'ps1' if shell == 'pwsh' else shell}")
    if shell == "pwsh":
        folder = (
            os.path.join(environment.home, "Documents", "PowerShell")
            if os.name == "nt"
            else os.path.join(config, "powershell")
        )
        return path, os.path.join(folder, "Microsoft.PowerShell_profile.ps1")
    home = environment.get("ZDOTDIR", environment.home) if shell == "zsh" else environment.home
    return path, os.path.join(home, f".{shell}rc")


def _add_source_line(shell: str, start_file: str, path: str) -> None:
    """Add the line that sources a script to a start file, unless it is there."""
    line = os.fsencode(_source_line(shell, path)).decode(errors="surrogateescape")
    text = decode_text(read_bytes(start_file) or b"", "surrogateescape")  # its encoding is the user's choice
    if line not in text.splitlines():
        separator = "" if not text or text.endswith("\n") else "\n"
        write_in_place(start_file, f"{text}{separator}{line}\n")


def _source_line(shell: str, path: str) -> str:
    """Return the command of a shell that runs a script in it."""
    if shell == "nu":
        from envmgr.shells.activation import nu

        return f"source {nu.quote(path)}"
    if shell == "xonsh":
        return f"source {path!r}"
    quote = "''" if shell in {"pwsh", "elvish"} else "'\\''"
    quoted = f"'{path.replace(chr(39), quote)}'"
    return f"eval (slurp < {quoted})" if shell == "elvish" else f". {quoted}"
