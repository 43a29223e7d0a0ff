"""A debugger's client as JupyterLab's is: requests on the control channel, events on IOPub."""

TIMEOUT = 120


class Debugger:
    """A front end's debugger for one kernel."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.seq = 0

    def ask(self, command, **arguments):
        """The whole reply to a request."""
        self.seq += 1
        client = self.kernel.client
        content = {"type": "request", "seq": self.seq, "command": command, "arguments": arguments}
        message = client.session.msg("debug_request", content)
        client.control_channel.send(message)
        while True:
            reply = client.get_control_msg(timeout=TIMEOUT)
            if reply["parent_header"]["msg_id"] == message["header"]["msg_id"]:
                assert reply["msg_type"] == "debug_reply"
                assert reply["content"]["request_seq"] == self.seq
                return reply["content"]

    def get(self, command, **arguments):
        """The body of a reply, which has to be a success."""
        reply = self.ask(command, **arguments)
        assert reply["success"], reply
        return reply["body"]

    def start(self):
        self.get("initialize", clientID="tests", supportsVariableType=True)
        self.get("attach")
        self.get("configurationDone")

    def break_in_cell(self, code, *lines):
        """Sets breakpoints in a cell's text, and gives the path by which the debugger knows it."""
        path = self.get("dumpCell", code=code)["sourcePath"]
        self.break_in_file(path, *lines)
        return path

    def break_in_file(self, path, *lines, **more):
        wanted = [{"line": line, **more} for line in lines]
        return self.get("setBreakpoints", source={"path": path}, breakpoints=wanted, sourceModified=False)

    def event(self, name):
        """The next event of that name."""
        while True:
            message = self.kernel.client.get_iopub_msg(timeout=TIMEOUT)
            if message["msg_type"] == "debug_event" and message["content"]["event"] == name:
                return message["content"]["body"]

    def stop(self):
        """Waits until a cell stops: why, and its frames."""
        body = self.event("stopped")
        return body["reason"], self.frames()

    def frames(self):
        return self.get("stackTrace", threadId=1)["stackFrames"]

    def variables(self, frame, scope="Locals"):
        """The variables of a frame, by name."""
        scopes = {each["name"]: each for each in self.get("scopes", frameId=frame["id"])["scopes"]}
        return self.inside(scopes[scope])

    def inside(self, variable):
        listed = self.get("variables", variablesReference=variable["variablesReference"])["variables"]
        return {each["name"]: each for each in listed}

    def go(self, command="continue"):
        self.get(command, threadId=1)

    def run(self, code):
        """Starts a cell; its end is to be awaited with `kernel.collect`."""
        return self.kernel.client.execute(code)
