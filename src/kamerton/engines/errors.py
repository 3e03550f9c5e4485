"""Errors in OpenAI's form, which clients of the field know how to read."""


class ApiError(Exception):
    """What a client did wrong, or what is wrong here, with its HTTP status."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        """`type`, `param` and `code` as in OpenAI's error object."""
        super().__init__(message)
        self.status, self.message = status, message
        self.type, self.param, self.code = type, param, code

    def body(self) -> dict[str, object]:
        """The JSON body of the answer."""
        fields = {"message": self.message, "type": self.type, "param": self.param}
        return {"error": {**fields, "code": self.code}}
