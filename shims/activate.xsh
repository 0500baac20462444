# envmgr activation: PATH and variables follow the directory.
#
# A plan, which `envmgr hook` prints and writes for all shells, is a JSON document: the environment of a project, and the
# inputs that are compared at each prompt. Exported variables __ENVMGR_* record what was changed, so that a shell started
# by this one can restore it.


def __envmgr_start():
    import json
    import os
    import subprocess
    import sys

    from xonsh.built_ins import XSH
    from xonsh.events import events

    home, plans, python, site, start = @HOME@, @PLANS@, @PYTHON@, @SITE@, @START@
    state = {"seen": None, "place": None, "above": [], "plan": {}, "notes": set(), "before": [], "after": None, "past": []}

    def value_of(name):
        value = XSH.env.get(name) if name in XSH.env else None
        return value if value is None or isinstance(value, str) else XSH.env.detype().get(name, "")

    def path_of():
        return [str(entry) for entry in XSH.env["PATH"]]

    def set_path(entries):
        XSH.env["PATH"] = list(entries)

    def working_directory():
        """Return the working directory, None if it was removed."""
        directory = value_of("PWD") or ""
        try:
            is_named = os.path.isabs(directory) and os.path.samefile(directory, os.curdir)
            return directory if is_named else os.getcwd()
        except OSError:
            return None

    def mtime_of(path):
        try:
            return str(os.stat(path).st_mtime_ns) if os.path.isfile(path) else ""
        except OSError:
            return ""

    def is_current(plan):
        return (
            plan.get("settled", False)
            and (not plan["mark"] or os.path.isfile(plan["mark"]))
            and all((value_of(name) or "") == value for name, value in plan["variables"].items())
            and all(mtime_of(item["path"]) == item["mtime_ns"] for item in plan["inputs"])
            and all(os.path.isdir(path) == exists for path, exists in plan["directories"].items())
        )

    def search(directory):
        """Return the path of the plan of the nearest project, and the files that are absent below it."""
        ceilings = [os.path.normpath(path) for path in (value_of("ENVMGR_CEILING") or "").split(os.pathsep) if os.path.isabs(path)]
        above = []
        while True:
            file = os.path.join(directory, ".envmgr")
            if os.path.isfile(file):
                return f"{plans}{directory.rstrip('/')}/.activate-json.plan", above
            above.append(file)
            parent = os.path.dirname(directory)
            if parent == directory or directory in ceilings:
                return f"{plans}/.activate-json.global", above
            directory = parent

    def resolve(directory):
        """Run envmgr for a plan; after a failure, which it reports, the next change of directory tries again."""
        variables = {**XSH.env.detype(), "PWD": directory, "ENVMGR_HOME": value_of("ENVMGR_HOME") or home}
        has_python = os.access(python, os.X_OK) and os.path.isfile(f"{site}/envmgr/__init__.py")
        words = [python, "-I", "-c", start, site] if has_python else ["envmgr"]
        try:
            run = subprocess.run([*words, "hook", "xonsh"], env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            if run.returncode == 0:
                return json.loads(run.stdout)
        except OSError as error:
            print(f"envmgr: {error}", file=sys.stderr)
        names = ("project", "mark", "note")
        return {"settled": True, "path": [], "exports": {}, "variables": {}, "inputs": [], "directories": {}, **dict.fromkeys(names, "")}

    def load(file, directory):
        if (value_of("ENVMGR_HOME") or home) == home:
            try:
                with open(file, encoding="utf-8") as stream:
                    plan = json.load(stream)
                if is_current(plan):
                    return plan
            except (OSError, ValueError):
                pass
        return resolve(directory)

    def positions(entries, dirs):
        """Return the indices at which directories are adjacent."""
        return [index for index in range(len(entries)) if entries[index : index + len(dirs)] == dirs]

    def remove(entries, dirs):
        """Return a PATH without the first directories, adjacent or not; the only ones stay if they were there before."""
        places = positions(entries, dirs)
        if len(places) > 1 or (places and not positions(state["before"], dirs)):
            return entries[: places[0]] + entries[places[0] + len(dirs) :]
        if not places and len(dirs) > 1:
            for entry in dirs:
                entries = remove(entries, [entry])
        return entries

    def without_past(entries):
        """Return a PATH without former directories that another program has put back in front."""
        for dirs in state["past"]:
            if entries[: len(dirs)] == dirs and dirs != state["plan"].get("path"):
                entries = entries[len(dirs) :]
        return entries

    def restore_path():
        dirs = (value_of("__ENVMGR_FRONT") or "").split(os.pathsep)
        if dirs == [""]:
            return
        entries = path_of()
        set_path(state["before"] if entries == state["after"] else remove(entries, dirs))
        if dirs not in state["past"]:
            state["past"].append(dirs)

    def prepend():
        state["before"] = path_of()
        if state["plan"]["path"]:
            set_path([*state["plan"]["path"], *state["before"]])
        state["after"] = path_of()

    def restore_variables(project):
        """Restore the variables that the user has not changed; return the others, in the same project."""
        kept = []
        for name in (value_of("__ENVMGR_NAMES") or "").split():
            if name in XSH.env and value_of(name) == value_of(f"__ENVMGR_NEW_{name}"):
                old = value_of(f"__ENVMGR_OLD_{name}")
                if old is None:
                    del XSH.env[name]
                else:
                    XSH.env[name] = old[1:]
            elif value_of("__ENVMGR_PROJECT") == project:
                kept.append(name)
                continue
            for record in (f"__ENVMGR_NEW_{name}", f"__ENVMGR_OLD_{name}"):
                if record in XSH.env:
                    del XSH.env[record]
        return kept

    def record(**values):
        for name, value in values.items():
            if value is not None:
                XSH.env[name] = value
            elif name in XSH.env:
                del XSH.env[name]

    def apply():
        plan = state["plan"]
        restore_path()
        set_path(without_past(path_of()))
        names = restore_variables(plan["project"])
        prepend()
        for name, value in plan["exports"].items():
            if name in names:
                continue
            if name in XSH.env:
                XSH.env[f"__ENVMGR_OLD_{name}"] = f"x{value_of(name)}"
            XSH.env[name] = XSH.env[f"__ENVMGR_NEW_{name}"] = value
            names.append(name)
        if plan["path"] or names:
            front = os.pathsep.join(plan["path"])
            record(__ENVMGR_FRONT=front, __ENVMGR_PROJECT=plan["project"], __ENVMGR_NAMES=" ".join(names))
        else:
            record(__ENVMGR_FRONT=None, __ENVMGR_PROJECT=None, __ENVMGR_NAMES=None)
        if plan["note"] and plan["note"] not in state["notes"]:
            state["notes"].add(plan["note"])
            print(plan["note"], file=sys.stderr)

    def repair_path():
        entries, dirs = path_of(), state["plan"]["path"]
        if entries == state["before"]:
            prepend()
            return
        entries = without_past(entries)
        is_there = bool(positions(entries, dirs))
        set_path(entries if is_there else remove(entries, dirs))
        if not is_there:
            prepend()

    def update(**_):
        directory = working_directory()
        if directory is None:  # of a removed directory, the project is unknown
            return
        place = (directory, value_of("ENVMGR_HOME"))
        is_same = place == state["place"] and not any(map(os.path.isfile, state["above"])) and is_current(state["plan"])
        seen = (place, path_of())
        if is_same and seen == state["seen"]:
            return
        if is_same:
            repair_path()
        else:
            state["place"] = place
            file, state["above"] = search(directory)
            state["plan"] = load(file, directory)
            apply()
        state["seen"] = (place, path_of())

    def deactivate():
        events.on_pre_prompt.discard(update)
        events.on_chdir.discard(update)
        restore_path()
        restore_variables("-")
        record(__ENVMGR_FRONT=None, __ENVMGR_PROJECT=None, __ENVMGR_NAMES=None)
        del XSH.aliases["envmgr"]
        XSH.ctx.pop("__envmgr_deactivate", None)

    def envmgr(args):
        if args == ["deactivate"]:
            deactivate()
            return 0
        program = XSH.commands_cache.locate_binary("envmgr", ignore_alias=True) or "envmgr"
        return subprocess.run([program, *args], env=XSH.env.detype(), check=False).returncode

    if "__envmgr_deactivate" in XSH.ctx:
        XSH.ctx["__envmgr_deactivate"]()
    XSH.ctx["__envmgr_deactivate"] = deactivate
    XSH.aliases["envmgr"] = envmgr
    events.on_pre_prompt(update)
    events.on_chdir(update)
    update()


__envmgr_start()
del __envmgr_start
