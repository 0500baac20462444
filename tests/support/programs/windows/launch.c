/* Starts the command line in LAUNCH, as Windows passes it, and returns its exit code.
 *
 * With LAUNCH_FILE it ends the process when that file is there, and returns whether the process whose number the file
 * has ended, too. */

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define CHARS 32768
#define PATIENCE_MS 20000

static WCHAR command[CHARS], file[CHARS];

static DWORD read_number(void) {
    DWORD number = 0, size;
    for (int waited = 0; waited < PATIENCE_MS; waited += 20, Sleep(20)) {
        HANDLE input = CreateFileW(file, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
        if (input == INVALID_HANDLE_VALUE) continue;
        ReadFile(input, &number, sizeof number, &size, NULL);
        CloseHandle(input);
        return number;
    }
    return 0;
}

/* Return 0 if ending a process ended the one that announced itself, too. */
static DWORD end_both(HANDLE process) {
    HANDLE other = OpenProcess(SYNCHRONIZE, FALSE, read_number());
    if (!other) return 2;
    TerminateProcess(process, 1);
    return WaitForSingleObject(other, PATIENCE_MS) == WAIT_OBJECT_0 ? 0 : 1;
}

void start(void) {
    static STARTUPINFOW startup;
    static PROCESS_INFORMATION process;
    DWORD code;
    startup.cb = sizeof startup;
    GetEnvironmentVariableW(L"LAUNCH", command, CHARS);
    if (!CreateProcessW(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) ExitProcess(GetLastError());
    if (GetEnvironmentVariableW(L"LAUNCH_FILE", file, CHARS)) ExitProcess(end_both(process.hProcess));
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    ExitProcess(code);
}
